"""Images as JSON data, for processes that read them: names once, their places in few numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.images import Container, Folder, ImageRef, Member, Url, folder_of
from batchcls.sources.url_names import as_listed

NOWHERE = Folder("")


def to_json(images: Sequence[ImageRef]) -> dict[str, Any]:
    """Images of one inputs list, whose paths all lead from one folder; `from_json` reads it back.

    What is a member of a container has its place behind its index and path; containers are few, and
    stand beside the images.
    """
    folder = folder_of(images[0].place) if images else NOWHERE
    numbers: dict[Container, int] = {}
    rows: list[list[Any]] = []
    for index, path, where in images:
        row: list[Any] = [index, where.address if isinstance(where, Url) else path]
        if isinstance(where, Member):
            _, container, *numeric = where
            row += [numbers.setdefault(container, len(numbers)), *numeric]
        rows.append(row)
    data: dict[str, Any] = {"root": folder.root, "moved": folder.moved, "images": rows}
    if numbers:
        data["containers"] = list(numbers)
    return data


def from_json(data: Mapping[str, Any]) -> list[ImageRef]:
    """Read `to_json` back; whatever else is there is another part of the message."""
    folder = Folder(data["root"], tuple((old, new) for old, new in data["moved"]))
    containers = [Container(*container) for container in data.get("containers", ())]
    return [
        ImageRef(index, path, Member(folder, containers[at[0]], *at[1:]))
        if at
        else as_listed(index, path, folder)
        for index, path, *at in data["images"]
    ]
