"""Class names by index, and whether they fit the number of classes.

A list of 1000 names for 1001 classes, or the reverse, differs by ImageNet's background row and is
set right; any other difference is an error. Files of names are `label_files`'.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.errors import LabelsError
from batchcls.images import is_background, unnamed

BACKGROUND = "background"
NONE = "none found: numbered"
"""Where the labels are from that nobody names."""
_MOST = 1 << 22  # classes


def from_json(value: Any, name: str) -> tuple[str, ...]:
    """Labels from a JSON list of names, or an object id → name.

    Raises:
        LabelsError: another structure, or ids that are not 0, 1, 2, ….
    """
    if isinstance(value, list):
        return tuple(text(label) for label in value)
    if isinstance(value, dict):
        found = by_id(value, name)
        if "" in found:
            gap = found.index("")
            raise LabelsError(f"labels in {name}: id {gap} is missing among {len(value)} ids")
        return found
    raise LabelsError(f"labels in {name}: expected a list of names, or an object from id to name")


def by_id(value: Mapping[Any, Any], name: str) -> tuple[str, ...]:
    """Labels of an object id → name, with "" for an id that is left out.

    Raises:
        LabelsError: an id is no number, or far beyond the others.
    """
    names = {_id(key, name): text(label) for key, label in value.items()}
    return tuple(names.get(index, "") for index in range(max(names, default=-1) + 1))


def _id(key: Any, name: str) -> int:
    try:
        found = int(key)
    except ValueError as error:
        raise LabelsError(f"labels in {name}: id {key!r} is not a number") from error
    if not 0 <= found < _MOST:
        raise LabelsError(f"labels in {name}: id {key} is out of range")
    return found


def counts(labels: Sequence[str]) -> frozenset[int]:
    """The numbers of classes that so many labels may be meant for; empty where there are none."""
    if not labels:
        return frozenset()
    count = len(labels)
    background = {count - 1} if is_background(labels[0]) else set()
    return frozenset({count, *background, *({1001} if count == 1000 else ())})


def fit(labels: Sequence[str], classes: int, name: str, *, first: str = "") -> tuple[str, ...]:
    """The labels for a model with this many classes; the background row added or taken off.

    One name too few is ImageNet's background with 1000 names for 1001 classes; elsewhere it may as
    well be the last one, and every label would be off by one.

    Args:
        labels: class names; a class whose name is "" is numbered.
        name: of where the labels are from, for messages.
        first: name of class 0 where one name too few always means that one.

    Raises:
        LabelsError: the counts differ by anything but a background row.
    """
    count = len(labels)
    if count == classes:
        spare = numbered(classes)
        return tuple(label or spare[index] for index, label in enumerate(labels))
    first_is_background = count > 0 and is_background(labels[0])
    if count == classes + 1 and first_is_background:
        return tuple(labels[1:])
    lacking = first or (BACKGROUND if (count, classes) == (1000, 1001) else "")
    if count == classes - 1 and lacking and count and not first_is_background:
        return (lacking, *labels)
    raise LabelsError(
        f"{name} has {count:,} {'label' if count == 1 else 'labels'}, the model has "
        f"{classes:,} {'class' if classes == 1 else 'classes'}; "
        "name the labels of this model with `--labels`"
    )


def first_that_fits(
    found: Sequence[tuple[str, tuple[str, ...]]], classes: int
) -> tuple[tuple[str, ...] | None, str, list[str]]:
    """Of files of names beside a model the first with as many as there are classes.

    Args:
        found: (file, its names).
        classes: of the model; one class may have two names, for no and yes.

    Returns:
        Names or None, where they are from, and what people should know of the others.
    """
    doubts: list[str] = []
    for name, names in found:
        if classes in counts(names) or (classes, len(names)) == (1, 2):
            return names, name, doubts
        many = "1 name" if len(names) == 1 else f"{len(names)} names"
        doubts.append(
            f"{name} beside the model has {many}, the model {classes} classes: it is not used"
        )
    return None, NONE, doubts


def numbered(classes: int) -> tuple[str, ...]:
    """Labels for a model that comes with none: "class 0", "class 1", …."""
    return tuple(unnamed(index) for index in range(classes))


def text(label: Any) -> str:
    """One label, without blanks around it.

    Raises:
        LabelsError: it is no text.
    """
    if isinstance(label, list) and label:  # ["n01440764", "tench"], Keras's class index
        label = label[-1]
    if not isinstance(label, str):
        raise LabelsError(f"a label is not text: {label!r}")
    return label.strip()
