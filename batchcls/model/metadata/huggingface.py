"""Reads Hugging Face's `config.json`: the classes' names, and whether they exclude each other."""

from collections.abc import Mapping
from typing import Any

from batchcls.errors import LabelsError, ModelError
from batchcls.model.metadata import labels
from batchcls.model.preprocess.settings import Settings

CONFIG = "config.json"


def config(values: Mapping[str, Any]) -> Settings:
    """What `config.json` says: labels, and whether classes exclude each other.

    Raises:
        ModelError: a model for another problem.
    """
    problem = values.get("problem_type")
    if problem == "regression":
        raise ModelError(f"{CONFIG}: the model is for regression, not classification")
    found, doubts = _names(values.get("id2label"))
    size = values.get("image_size")
    square = size if isinstance(size, int) else None
    multilabel = problem == "multi_label_classification" or (found is not None and len(found) == 1)
    return Settings(
        height=square,
        width=square,
        labels=found,
        multilabel=multilabel or None,
        doubts=doubts,
    )


def _names(id2label: Any) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Names by id, "" where there is none for an id; and what is uncertain about them."""
    if not isinstance(id2label, Mapping) or not id2label:
        return None, ()
    try:
        found = labels.by_id(id2label, CONFIG)
    except LabelsError as error:
        return None, (f"{error}; the classes are numbered",)
    if all(name in ("", f"LABEL_{index}") for index, name in enumerate(found)):
        return None, ()  # transformers' placeholder for a model without names
    missing = [index for index, name in enumerate(found) if not name]
    if not missing:
        return found, ()
    which = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
    return found, (f"{CONFIG}: id2label has no name for {which}; these are numbered",)
