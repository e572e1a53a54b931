"""Owns the model that comes with batchcls: a small classifier of photo quality, as IR.

It is a model like any user's: `path()` goes where `--model` would, and everything else (labels,
preprocessing) is read from the `rt_info/model_info` inside.
Trained by `jobs/train/train_builtin.py`.
"""

from pathlib import Path


def path() -> Path:
    """The .xml of the built-in model; its weights lie beside it as .bin."""
    return Path(__file__).resolve().parent / "photo_quality.xml"
