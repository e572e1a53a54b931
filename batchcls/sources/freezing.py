"""From a job's sources to its frozen inputs list: what to list, in which order, each path once.

Rules of this file:

1. Sources come in the order given; within each, paths come in byte order.
2. A path that occurs again, in another source or list, counts once, where it came first.
3. With one directory as the only source, paths are relative to it; otherwise they are as typed,
   and relative to the current directory.
4. Nothing is written under the list's name before everything is known to be right.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from batchcls.errors import SourceError, StoppedError
from batchcls.job.job import Job
from batchcls.sources.duplicates import SeenHashes, normal, repeated
from batchcls.sources.inputs import FILE_NAME, InputsList, ListWriter
from batchcls.sources.names import name_filter
from batchcls.sources.pathlist import read_list
from batchcls.sources.spill import SortedSpill, split_blocks
from batchcls.sources.walk import Notes, Walk


def freeze(job: Job, directory: Path, *, stdin: IO[bytes] | None = None) -> InputsList:
    """List a job's images and write `<directory>/inputs`.

    Args:
        job: its sources, null_separated, names and follow_links count.
        directory: the job's directory, which exists.
        stdin: what the source ``-`` reads; None is standard input.

    Raises:
        SourceError: a source is missing or unreadable, two overlap, or there are no images.
    """
    sources = _open_sources(job, directory, stdin)
    return _write(sources, directory, old=None)


def extend(
    old: InputsList, job: Job, directory: Path, *, stdin: IO[bytes] | None = None
) -> InputsList:
    """List a job's images again and append those that are new to `<directory>/inputs`.

    Images that are gone since stay listed: they have their lines in the results.

    Args:
        old: of the list in `directory`.
        job: as for `freeze`.
        directory: as for `freeze`.
        stdin: as for `freeze`.

    Raises:
        SourceError: as for `freeze`, or the sources now have another root.
    """
    sources = _open_sources(job, directory, stdin)
    if sources.root != os.fsencode(old.root):
        raise SourceError(
            f"the finished list is relative to {old.root}, these sources to "
            f"{os.fsdecode(sources.root)}: extend it with the sources and from the directory "
            "that it was made with, or use another --output"
        )
    return _write(sources, directory, old=old)


@dataclass(slots=True)
class _Sources:
    root: bytes
    paths: Iterable[Iterator[bytes]]
    may_repeat: bool
    notes: Notes
    looked_in: str


def _write(sources: _Sources, directory: Path, old: InputsList | None) -> InputsList:
    writer = ListWriter(directory)
    try:
        if old is not None:
            with (directory / FILE_NAME).open("rb") as file:
                for names in split_blocks(file):
                    for path in names:
                        writer.add(path)
        for paths in sources.paths:
            for path in paths:
                writer.add(path)
        if not writer.count:
            raise SourceError(f"no images found {sources.looked_in}")
        repeats = 0
        if sources.may_repeat or old is not None:
            writer, repeats = _without_repeats(writer, sources.root, directory)
        count = writer.count
        return InputsList(
            root=os.fsdecode(sources.root),
            count=count,
            sha256=writer.commit(),
            # What --extend finds again is no duplicate.
            duplicates=repeats if old is None else old.duplicates,
            skipped=sources.notes.as_tuple(),
        )
    except OSError as error:
        raise StoppedError(
            f"cannot write the list of images into {directory}: {error.strerror or error}; "
            "make room there or choose another --output, then run the same command again"
        ) from error
    finally:
        writer.discard()


def _without_repeats(writer: ListWriter, root: bytes, directory: Path) -> tuple[ListWriter, int]:
    """The same list with every path once, and how many entries went; the same writer if none."""
    seen = SeenHashes()
    with writer.reopen() as file:
        for path in _entries(file):
            seen.add(normal(path, root))
        suspects = seen.suspects()
        del seen
        if not suspects:
            return writer, 0
        file.seek(0)
        drop = repeated((normal(path, root) for path in _entries(file)), suspects, directory)
        file.seek(0)
        # The new writer takes the temporary name; the old file lives on in `file` till the end.
        writer.discard()
        kept = ListWriter(directory)
        try:
            for position, path in enumerate(_entries(file)):
                if position not in drop:
                    kept.add(path)
        except BaseException:
            kept.discard()
            raise
    return kept, drop.count


def _entries(file: IO[bytes]) -> Iterator[bytes]:
    for names in split_blocks(file):
        yield from names


def _open_sources(job: Job, directory: Path, stdin: IO[bytes] | None) -> _Sources:
    if not job.sources:
        raise SourceError("no source: name a directory of images, image files, @list.txt or -")
    if job.sources.count("-") > 1:
        raise SourceError("standard input (-) can be a source only once")
    kinds = [_kind(source) for source in job.sources]
    folders = [s for s, kind in zip(job.sources, kinds, strict=True) if kind == "directory"]
    _refuse_overlap(folders)
    notes = Notes()
    walk = Walk(name_filter(job.names), directory, job.follow_links, notes)
    alone = kinds == ["directory"]
    root = _absolute(os.fsencode(job.sources[0])) if alone else _current()

    def paths() -> Iterator[Iterator[bytes]]:
        for source, kind in zip(job.sources, kinds, strict=True):
            raw = os.fsencode(source)
            if kind == "directory":
                yield walk.below(raw) if alone else _joined(raw, walk)
            elif kind == "image":
                yield iter([raw])
            else:
                yield _listed(source, job, directory, stdin)

    return _Sources(root, paths(), len(kinds) > len(folders), notes, _looked_in(job, kinds))


def _kind(source: str) -> str:
    if source == "-" or source.startswith("@"):
        return "list"
    try:
        mode = os.stat(source).st_mode  # noqa: PTH116 - Path("") is this folder
    except OSError as error:
        raise SourceError(
            f"source {source}: {error.strerror or error}; name a directory of images, "
            "an image file, @list.txt or - for a list on standard input"
        ) from error
    return "directory" if stat.S_ISDIR(mode) else "image"


def _current() -> bytes:
    return os.fsencode(Path.cwd())


def _absolute(folder: bytes) -> bytes:
    """Absolute, with links kept as typed, unless ``..`` makes it depend on where they lead."""
    if b".." in folder.split(b"/"):
        return os.path.realpath(folder)
    return normal(folder, _current())


def _joined(folder: bytes, walk: Walk) -> Iterator[bytes]:
    prefix = folder.rstrip(b"/") + b"/"
    return (prefix + path for path in walk.below(folder))


def _listed(source: str, job: Job, directory: Path, stdin: IO[bytes] | None) -> Iterator[bytes]:
    """Paths of a list, sorted."""
    spill = SortedSpill(directory)
    with closing(spill):
        if source == "-":
            lines = read_list(
                stdin or sys.stdin.buffer,
                "standard input",
                null_separated=job.null_separated,
                may_be_cut=True,
            )
            _fill(spill.add, lines)
        else:
            with _open_list(source[1:]) as file:
                _fill(spill.add, read_list(file, source, null_separated=job.null_separated))
        yield from spill


def _open_list(name: str) -> IO[bytes]:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise SourceError(
            f"list {name}: {error.strerror or error}; after the @ goes the name of a file with "
            "one path per line"
        ) from error


def _fill(add: Callable[[bytes], None], paths: Iterable[bytes]) -> None:
    for path in paths:
        add(path)


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
    places = ", ".join(job.sources[:5]) + (", …" if len(job.sources) > 5 else "")
    if "directory" not in kinds:
        return f"in {places}: the list is empty; give it one path per line"
    return (
        f"in {places}: no file name there matches {' '.join(job.names)}; check the path, or say "
        "which names to take with --names"
        + ("" if job.follow_links else ", or --follow-links to enter linked directories")
    )
