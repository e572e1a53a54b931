"""Decides whether a job's images are those of a run, though they lie elsewhere now, and where.

A disk is mounted under another name, a folder is renamed, or it and the results are moved together.
The lines keep the names that the list has, so the results are the same as if nothing had moved.
What says that the images are the same: some of them, evenly spread, were noted with their sizes
when they were listed.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from batchcls.errors import BatchclsError
from batchcls.images import Folder, is_stored
from batchcls.job.job import Job
from batchcls.job.paths import absolute
from batchcls.results.manifest import Manifest

NOTED = 32
BLOCK = 1 << 13


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the images of a run are now.

    Attributes:
        by_name: the names themselves lead to where they were: some are absolute.
    """

    place: Folder
    by_name: bool


def some_sizes(inputs: Path, place: Folder) -> dict[str, int]:
    """Names of some files of a list, evenly spread, and their sizes; without those that are gone.

    The files are the images, or the containers that hold them.

    Raises:
        OSError: the list cannot be read.
    """
    from batchcls.sources.containers.kinds import container_path  # as in `find`

    sizes: dict[str, int] = {}
    for name in _some_names(inputs):
        for file in (name, container_path(name)):
            if file and (size := _size(place, file)) is not None:
                sizes[file] = size
                break
    return sizes


def find(manifest: Manifest, job: Job) -> tuple[Moved | None, str]:
    """Where a run's images are now, if they are no longer where they were, and what says no.

    Args:
        job: the same sources, perhaps by other names.
    """
    from batchcls.sources.opening import root_of  # a first run starts workers without

    before, now = _decoded(manifest.settings.get("places", ())), _absolute(job)
    sizes: Mapping[str, int] = manifest.settings.get("sizes", {})
    try:
        root = root_of(job)
    except (BatchclsError, OSError) as error:
        return None, str(error).partition("; ")[0]
    if not sizes or len(before) != len(now) or (before == now and root == manifest.root):
        return None, ""
    moves = tuple(_moves(before, now))
    by_name = any(name.startswith("/") for name in sizes)
    objection = ""
    for start in _roots(manifest.root, root, alone=[root] == now, same=before == now):
        place = Folder(start, moves)
        objection = _objection(place, sizes)
        if not objection:
            return None if place == Folder(manifest.root) else Moved(place, by_name), ""
    return None, objection


def places(job: Job) -> list[str]:
    """The sources as the manifest holds them: places, so that another directory does not matter.

    Names that are not UTF-8 make all of them hexadecimal.
    """
    found = _absolute(job)
    try:
        "".join(found).encode()
    except UnicodeEncodeError:
        return [place.encode(errors="surrogateescape").hex() for place in found]
    return found


def _absolute(job: Job) -> list[str]:
    places = []
    for source in job.sources:
        mark, path = ("@", source[1:]) if source.startswith("@") else ("", source)
        stays = source == "-" or is_stored(source)
        places.append(source if stays else mark + str(absolute(path)))
    return places


def _decoded(places: Sequence[str]) -> list[str]:
    return [
        place
        if place.startswith(("/", "@", "-")) or is_stored(place)
        else os.fsdecode(bytes.fromhex(place))
        for place in places
    ]


def _roots(old: str, new: str, *, alone: bool, same: bool) -> list[str]:
    """What relative names may be relative to now, the likeliest first.

    Args:
        alone: a folder is the only source: names are relative to it, wherever it is.
        same: the sources have the same places as before, so the folder we are in may not matter.
    """
    if alone:
        return [new]
    return [old, new] if same else [new, old]


def _moves(before: Sequence[str], now: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What absolute names began with, and begin with now; the longest first."""
    pairs = set()
    for old, new in zip(before, now, strict=True):
        if old.startswith("@") and new.startswith("@"):
            a, b = Path(old[1:]).parts, Path(new[1:]).parts
            while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
                a, b = a[:-1], b[:-1]
            old, new = str(Path(*a)), str(Path(*b))
        elif not (old.startswith("/") and new.startswith("/")):
            continue
        # A folder that stays is a pair, too, lest it be moved with the one around it.
        end = "/" if Path(new).is_dir() else ""
        pairs.add((old.rstrip("/") + end, new.rstrip("/") + end))
    if any(old != new for old, new in pairs):
        yield from sorted(pairs, key=lambda pair: -len(pair[0]))


def _objection(place: Folder, sizes: Mapping[str, int]) -> str:
    """Why the images at a place are not those that were noted; empty if they are."""
    found = {name: _size(place, name) for name in sizes}
    missing = [name for name, size in found.items() if size is None]
    for name, size in found.items():
        if size is not None and size != sizes[name]:
            return f"{place.path(name)} has {size:,} bytes, and had {sizes[name]:,}"
    # Some may have been removed since; if most of them were, these are other images.
    if 2 * len(missing) > len(sizes):
        return f"there is no {place.path(missing[0])}"
    return ""


def _size(place: Folder, name: str) -> int | None:
    try:
        status = Path(place.path(name)).stat()
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _some_names(inputs: Path) -> list[str]:
    """Names of a list at evenly spread bytes of it, so that the longest takes no time."""
    names: dict[str, None] = {}
    with inputs.open("rb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        for offset in islice(range(0, max(size, 1), max(size // NOTED, 1)), NOTED):
            # A byte before it: a name may begin just there.
            file.seek(max(offset - 1, 0))
            parts = file.read(BLOCK).split(b"\0")
            whole = parts[1:-1] if offset else parts[:-1]
            if whole:
                names[os.fsdecode(whole[0])] = None
    return list(names)
