"""Reads the files beside a model, each by its family's rules.

A file that is there by chance, or that belongs to another program, is at most a warning: nothing
says that it is the model's.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.errors import LabelsError, ModelError
from batchcls.model.files import beside
from batchcls.model.metadata import (
    huggingface,
    label_files,
    lobe,
    mmdeploy,
    paddle,
    preprocessor_config,
    timm,
    ultralytics,
    yaml_files,
)
from batchcls.model.preprocess.settings import Settings

Said = list[tuple[str, Settings]]


def settings(model: Path, input_size: tuple[int, int] | None) -> Said:
    """What the files say, most trusted first, with the name of each.

    Args:
        model: the model's file, or a SavedModel's folder.
        input_size: (height, width) of the model's static input, None where it is open.

    Raises:
        ModelError: a file of the model's own that speaks of another kind of model, or whose values
            make no sense.
        LabelsError: names that cannot be read.
    """
    config, doubts = _json(model, huggingface.CONFIG)
    preprocessor, more = _preprocessor(model)
    found: Said = [("", Settings(doubts=(*doubts, *more)))]
    if config is not None:
        # timm's first: optimum writes both, and its own preprocessor file forgets timm's crop.
        found.append(("timm's config.json", timm.settings(config, input_size)))
    if preprocessor is not None:
        if "pretrained_cfg" in preprocessor:
            found.append(
                ("timm's preprocessor_config.json", timm.settings(preprocessor, input_size))
            )
        else:
            of = config or {}
            said = preprocessor_config.settings(
                preprocessor,
                model_type=str(of.get("model_type", "")),
                named=str(of.get("image_processor_type", "")),
            )
            found.append((preprocessor_config.FILE, said))
    if config is not None:
        found.append((huggingface.CONFIG, huggingface.config(config)))
    found.append((ultralytics.FILE, _yaml(model, ultralytics.FILE, ultralytics.settings)))
    found += [(name, _yaml(model, name, paddle.settings)) for name in paddle.FILES]
    signature, doubts = _json(model, lobe.FILE)
    found.append((lobe.FILE, replace(lobe.settings(signature or {}), doubts=doubts)))
    pipeline, _ = _json(model, mmdeploy.FILE)
    found.append((mmdeploy.FILE, mmdeploy.settings(pipeline or {})))
    return found


def names(model: Path) -> tuple[list[tuple[str, tuple[str, ...]]], list[str]]:
    """Class names in files of their own beside the model, and why others are not used.

    Returns:
        (file, its names), most usual first; sentences for people.
    """
    found, doubts = [], []
    for name in beside.LABELS:
        path = beside.find(model, name)
        if path is None:
            continue
        try:
            found.append((name, label_files.read(path)))
        except LabelsError as error:
            doubts.append(f"{path} is not used: {error}")
    return found, doubts


def _yaml(model: Path, name: str, meaning: Callable[[dict[Any, Any], str], Settings]) -> Settings:
    path = beside.find(model, name)
    if path is None:
        return Settings()
    try:
        values = yaml_files.read(path)
    except ModelError as error:
        return Settings(doubts=(f"{path} is not used: {error}",))
    return meaning(values, str(path))


def _preprocessor(model: Path) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The image processor's values; those inside `processor_config.json` come before the others."""
    nested, doubts = _json(model, preprocessor_config.NESTED_FILE)
    inner = (nested or {}).get("image_processor")
    if isinstance(inner, dict):
        return inner, doubts
    found, more = _json(model, preprocessor_config.FILE)
    return found, (*doubts, *more)


def _json(model: Path, name: str) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """A JSON object in a file beside the model, and why there is none although there is a file."""
    path = beside.find(model, name)
    if path is None:
        return None, ()
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return None, (f"{path} is not used: {error}",)
    if not isinstance(value, dict):
        return None, (f"{path} is not used: it is not a JSON object",)
    return value, ()
