"""Members of a container, listed and read without a list on the disk."""

import os
from pathlib import Path

from batchcls.errors import ImageError
from batchcls.images import FAILURE_KINDS, Folder, ImageRef
from batchcls.job.job import Job
from batchcls.sources.containers.kinds import kind_of
from batchcls.sources.containers.listing import OwnLister, look_at
from batchcls.sources.containers.places import member_of
from batchcls.sources.every import EveryPlace
from batchcls.sources.walk import Notes

LISTER = OwnLister(Job().names, (), Notes())


def listed(path: Path) -> list[ImageRef]:
    """The members of a container, without a list on the disk."""
    container = look_at("", str(path))._replace(kind=kind_of(os.fsencode(path)) or "")
    refs = []
    for index, (name, place) in enumerate(LISTER.members(container, 0)):
        member = member_of(place, Folder(""), container)
        refs.append(ImageRef(index, f"{path}//{os.fsdecode(name)}", member))
    return refs


def outcome(ref: ImageRef) -> bytes | str:
    try:
        return EveryPlace().read(ref)
    except ImageError as error:
        assert error.kind in FAILURE_KINDS
        return error.kind
