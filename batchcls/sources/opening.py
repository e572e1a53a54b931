"""Which sources the words of a command line mean, and what their images' paths are relative to.

Rules of this file:

1. ``-`` and ``@list.txt`` are lists of paths and URLs, a directory is the images below it, and any
   other path is one image, or a container of images, wherever it stands; ``s3://BUCKET/PREFIX`` is
   the object of this name, else those below it.
2. With one directory as the only source, paths are relative to it; otherwise they are as typed,
   and relative to the current directory. Names of objects are complete, whatever that is.
3. Within a source, paths come in byte order, and a container's members in its own, in its place.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from batchcls.errors import SourceError
from batchcls.images import is_stored
from batchcls.job.job import Job
from batchcls.job.paths import absolute
from batchcls.sources.containers.kinds import advice, compressed, kind_of
from batchcls.sources.containers.listed import Left
from batchcls.sources.duplicates import normal
from batchcls.sources.files import Files
from batchcls.sources.missing import instead_of_url, require_some
from batchcls.sources.names import NOBODYS, name_filter
from batchcls.sources.pathlist import read_list
from batchcls.sources.source import Source
from batchcls.sources.spill import SortedSpill
from batchcls.sources.url_names import shown
from batchcls.sources.walk import Notes, Walk

LISTS = (".txt", ".csv", ".lst", ".list")
"""Endings of files that hold the names of images, and are none."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A job's sources, ready to be listed.

    Attributes:
        sources: in the order given.
        root: absolute directory that paths are relative to (decoded with ``os.fsdecode``).
        may_repeat: an image may be listed more than once.
        notes: what could not be listed; complete once all sources are listed.
        looked_in: where images were looked for and which, to end a sentence with.
        walk: how directories are listed.
    """

    sources: tuple[Source, ...]
    root: str
    may_repeat: bool
    notes: Notes
    looked_in: str
    walk: Walk


def open_sources(job: Job, folder: Path, stdin: IO[bytes] | None = None) -> Opened:
    """The sources of a job; nothing is listed yet.

    Args:
        job: its sources, null_separated, names, raw, exclude and follow_links count.
        folder: where sorted runs may be spilled; never listed itself.
        stdin: what the source ``-`` reads; None is standard input.

    Raises:
        SourceError: there is none, one is missing, or two overlap.
    """
    if not job.sources:
        raise SourceError("no source; name a directory of images, image files, @list.txt or -")
    if job.sources.count("-") > 1:
        raise SourceError("standard input (-) can be a source only once")
    kinds = [_kind(word) for word in job.sources]
    folders = [word for word, kind in zip(job.sources, kinds, strict=True) if kind == "directory"]
    _refuse_overlap(folders)
    notes = Notes()
    for word, kind in zip(job.sources, kinds, strict=True):
        if kind == "image" and Path(word).suffix.lower() in LISTS:
            notes.add(f"{word} is read as an image; for the images that it lists, write @{word}")
    excluded = name_filter((*NOBODYS, *job.exclude))
    is_image = name_filter(job.patterns)

    def wanted(name: bytes) -> bool:
        return is_image(name) or kind_of(name) is not None

    walk = Walk(wanted, excluded, folder, job.follow_links, notes)
    alone = kinds == ["directory"]
    root = root_of(job)

    def paths(word: str, kind: str) -> Iterator[bytes]:
        raw = os.fsencode(word)
        if kind == "directory":
            return walk.below(raw) if alone else _joined(raw, walk)
        return _listed(word, job, folder, stdin) if kind == "list" else iter([raw])

    def opened(word: str, kind: str) -> Source:
        if kind == "store":
            from batchcls.sources.stores.objects import Objects  # rare, and needs obstore

            return Objects(word, folder, Left(wanted, excluded), notes)
        return Files(paths(word, kind), root)

    return Opened(
        tuple(opened(*one) for one in zip(job.sources, kinds, strict=True)),
        root,
        may_repeat=len(kinds) > len(folders) and kinds != ["container"],
        notes=notes,
        looked_in=_looked_in(job, kinds),
        walk=walk,
    )


def root_of(job: Job) -> str:
    """What the paths of a job's images are relative to; see `Opened`.

    Raises:
        SourceError: a source is missing.
    """
    kinds = {_kind(word) for word in job.sources}
    if kinds == {"directory"} and len(job.sources) == 1:
        return os.fsdecode(_absolute(os.fsencode(job.sources[0])))
    if kinds == {"store"}:  # no name leads from a directory
        return "/"
    return os.fsdecode(_current())


def _kind(word: str) -> str:
    if word == "-" or word.startswith("@"):
        return "list"
    if is_stored(word):
        from batchcls.sources.stores.names import split

        split(word)
        _refuse_compressed(word)
        return "store"
    try:
        mode = os.stat(word).st_mode  # noqa: PTH116 - Path("") is this folder
    except OSError as error:
        if instead := instead_of_url(word):
            raise SourceError(f"source {shown(word)} is a URL; {instead}") from error
        raise SourceError(
            f"source {word}: {error.strerror or error}; name a directory of images, "
            "an image file, @list.txt or - for a list on standard input"
        ) from error
    if stat.S_ISDIR(mode):
        return "directory"
    _refuse_compressed(word)
    return "image" if kind_of(os.fsencode(word)) is None else "container"


def _refuse_compressed(word: str) -> None:
    if ending := compressed(word):
        raise SourceError(f"source {word}: {advice(ending)}")


def _current() -> bytes:
    return os.fsencode(absolute(""))


def _absolute(folder: bytes) -> bytes:
    """Absolute, with links as typed, unless ``..`` makes it depend on where they lead."""
    if b".." in folder.split(b"/"):
        return os.path.realpath(folder)
    return normal(folder, b"" if folder.startswith(b"/") else _current())


def _joined(folder: bytes, walk: Walk) -> Iterator[bytes]:
    prefix = folder.rstrip(b"/") + b"/"
    return (prefix + path for path in walk.below(folder))


def _listed(word: str, job: Job, folder: Path, stdin: IO[bytes] | None) -> Iterator[bytes]:
    """Paths of a list, sorted."""
    with closing(SortedSpill(folder)) as spill:
        if word == "-":
            name, file = "standard input", stdin or _standard_input()
            lines = read_list(file, name, null_separated=job.null_separated, may_be_cut=True)
            spill.extend(require_some(lines, name, None))
        else:
            with _open_list(word[1:]) as file:
                lines = read_list(file, word, null_separated=job.null_separated)
                spill.extend(require_some(lines, f"list {word[1:]}", Path(word[1:])))
        yield from spill


def _standard_input() -> IO[bytes]:
    if sys.stdin is None:  # Python leaves None where the process was started without it
        raise SourceError(
            "standard input is closed, and - reads a list of paths from it; name a file instead, "
            "as @list.txt"
        )
    return sys.stdin.buffer


def _open_list(name: str) -> IO[bytes]:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise SourceError(
            f"list {name}: {error.strerror or error}; after the @, name a file with one path "
            "per line"
        ) from error


def _refuse_overlap(folders: list[str]) -> None:
    """Two directories of which one is, or is inside, the other would list images twice."""
    resolved = sorted((os.path.realpath(os.fsencode(f)).rstrip(b"/") + b"/", f) for f in folders)
    for (outer, first), (inner, second) in pairwise(resolved):
        if inner.startswith(outer):
            what = "are the same directory" if inner == outer else f"overlap: {second} is inside"
            raise SourceError(
                f"sources {first} and {second} {what}, so images would be labelled twice; "
                "leave one out"
            )


def _looked_in(job: Job, kinds: list[str]) -> str:
    linked = "directory" in kinds and not job.follow_links
    places = ", ".join(job.sources[:5]) + (", …" if len(job.sources) > 5 else "")
    if not {"directory", "container", "store"}.intersection(kinds):
        return f"in {places}: the list is empty; give it one path per line"
    return (
        f"in {places}: no file name matches {' '.join(job.patterns)}; check the path, or choose "
        "other names with `--names`"
        + (", or enter linked directories with `--follow-links`" if linked else "")
    )
