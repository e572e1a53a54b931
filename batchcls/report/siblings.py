"""The truth that lies beside an image in its container: WebDataset's ``.cls`` and ``.json``.

What belongs to an image is what has its key: its name up to the first dot of the last part.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from batchcls.errors import ImageError, SourceError
from batchcls.images import Folder, ImageRef, Member, is_stored
from batchcls.report.truth import INDEX_COLUMNS, LABEL_COLUMNS, FolderTruths, Truth
from batchcls.sources.containers.kinds import BETWEEN, ROWS, container_path, kind_of
from batchcls.sources.containers.listing import OpenLister, OwnLister, look_at
from batchcls.sources.containers.places import member_of
from batchcls.sources.every import EveryPlace
from batchcls.sources.walk import Notes

CLS, JSON = ".cls", ".json"
NOWHERE = Folder("")
LARGEST = 1 << 20
"""Bytes of a file beside an image that may hold its class."""


class SiblingTruths:
    """The class that stands beside an image in its container, else its folder's name.

    One container's at a time is in memory: results come in the order of the containers.

    Args:
        root: what the results' paths lead from.
        open_lister: makes what lists containers.
    """

    unused = 0

    def __init__(self, root: str, open_lister: OpenLister = OwnLister) -> None:
        self._open_lister = open_lister
        self._folder = Folder(root)
        self._folders = FolderTruths()
        self._container = ""
        self._by_key: Mapping[str, Truth | None] = {}

    def of(self, path: str, index: int | None = None) -> Truth | None:
        """The truth about an image; None where nothing is known."""
        if container := container_path(path):
            if container != self._container:
                self._container = container
                self._by_key = _truths(self._folder, container, self._open_lister)
            beside = self._by_key.get(_key(path[len(container) + len(BETWEEN) :]))
            if beside is not None:
                return beside
        return self._folders.of(path)


def _key(name: str) -> str:
    dot = name.find(".", name.rfind("/") + 1)
    return name if dot < 0 else name[:dot]


def _truths(folder: Folder, path: str, open_lister: OpenLister) -> dict[str, Truth | None]:
    """By key, what the files beside a container's images say; None where two do not agree.

    A ``.cls`` is made to say it, so it counts before a ``.json``.
    """
    classes: dict[str, Truth | None] = {}
    others: dict[str, Truth | None] = {}
    where = path if is_stored(path) else folder.path(path)
    kind = kind_of(where.encode(errors="surrogateescape"))
    if kind is None or kind in ROWS:  # a table has no files
        return {}
    try:
        container = look_at(kind, where)
        reader = EveryPlace()
        with closing(open_lister((f"*{CLS}", f"*{JSON}"), (), Notes())) as lister:
            for raw, place in lister.members(container, 0):
                name = raw.decode(errors="surrogateescape")
                by_key = classes if name.lower().endswith(CLS) else others
                said = _said(reader, name, member_of(place, NOWHERE, container))
                if said is not None and by_key.setdefault(_key(name), said) != said:
                    by_key[_key(name)] = None
    except SourceError:  # gone, or damaged since: what its first part says is not taken for all
        return {}
    return {**others, **classes}


def _said(reader: EveryPlace, name: str, member: Member) -> Truth | None:
    """What one file says; None if that is no class."""
    if member.size > LARGEST:
        return None
    image = ImageRef(0, f"{member.container.path}{BETWEEN}{name}", member)
    try:
        text = reader.read(image).decode()
        return Truth(int(text), None) if name.lower().endswith(CLS) else _in_json(text)
    except (ImageError, ValueError, RecursionError):
        return None


def _in_json(text: str) -> Truth | None:
    data: Any = json.loads(text)
    if not isinstance(data, dict):
        return None
    index = next((data[k] for k in INDEX_COLUMNS if type(data.get(k)) is int), None)
    label = next((data[k] for k in LABEL_COLUMNS if isinstance(data.get(k), str)), None)
    if index is None:  # "label": 3
        index = next((data[k] for k in ("cls", *LABEL_COLUMNS) if type(data.get(k)) is int), None)
    return None if index is None and label is None else Truth(index, label)
