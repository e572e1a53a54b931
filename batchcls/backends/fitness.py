"""Decides whether a machine may take part in a run: what must be the same there as at the driver's.

A node with another version or an empty mount gives wrong lines, or fails images that are good; so
it is left out, by name, before it is given the first one.
"""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchcls.errors import BatchclsError
from batchcls.images import ImageRef, far, file_of
from batchcls.model.files.find import file_hash
from batchcls.sources.reading import FLAGS
from batchcls.version import __version__, computing

SAMPLE = 8
"""Images that every machine must see."""

_BLOCK = 1 << 20
MOST_HASHED = 32 * _BLOCK
"""Bytes of an image that are looked at."""


class UnfitError(BatchclsError):
    """A machine cannot take part in this run; says why, for people."""


Seen = tuple[str, int, str]
"""An image's path in full, its size in bytes, SHA-256 of its first bytes."""


def versions() -> dict[str, str]:
    """What must be the same on all machines, by name."""
    from batchcls.decode import decoders  # like what `computing` asks, not needed at the start

    return {"batchcls": __version__, **computing(), **decoders.installed()}


def other_versions(ours: Mapping[str, str], theirs: Mapping[str, Any]) -> str:
    """What differs, for people; "" if nothing does."""
    names = [*ours, *(name for name in theirs if name not in ours)]
    return ", ".join(
        f"{name} is {theirs.get(name, 'not installed')} there and {ours.get(name, 'not installed')}"
        " here"
        for name in names[:16]
        if ours.get(name) != theirs.get(name)
    )


def look_at(path: str) -> Seen | None:
    """What is at a path now; None if it cannot be read."""
    hashed, left = hashlib.sha256(), MOST_HASHED
    try:
        with os.fdopen(os.open(path, FLAGS), "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return None
            while left and (block := file.read(min(left, _BLOCK))):
                hashed.update(block)
                left -= len(block)
    except (OSError, ValueError):
        return None
    return path, found.st_size, hashed.hexdigest()


def sample(images: Sequence[ImageRef]) -> list[Seen]:
    """What the driver sees of some images; those are left out that it cannot read itself."""
    # Those in one container are as good as one.
    looked = map(look_at, dict.fromkeys(map(file_of, images)))
    return [seen for seen in looked if seen is not None]


def unlooked(images: Sequence[ImageRef]) -> str:
    """What machines are not asked to look at, for people; "" if nothing.

    Args:
        images: the sample of the run's.
    """
    if not any(map(far, images)):
        return ""
    return (
        "whether the machines see images in stores and behind URLs is not checked before they "
        "begin; all of them need the same access and credentials"
    )


def unseen(images: Sequence[Seen]) -> str:
    """Why this machine does not see the images as the driver does; "" if it does."""
    for path, size, digest in images:
        found = look_at(path)
        if found is None:
            return f"{path} is not there; mount the images under the same path"
        if found[1:] != (size, digest):
            return f"{path} is another file than at the driver's"
    return ""


def other_libraries(wanted: Sequence[tuple[str, str]]) -> str:
    """Which of these files, paths and hashes, is not here as it is at the driver's; "" if none."""
    for path, digest in wanted:
        try:
            if file_hash(Path(path)).hex() == digest:
                continue
        except BatchclsError:
            pass
        return f"{path} is not there, or is another file; install it there, too"
    return ""
