"""From a job's sources to its frozen inputs list: each image once, in an order that stays.

Rules of this file:

1. Sources come in the order given; within each, images come in the order of `Source.list`.
2. A path that occurs again, in another source or list, counts once, where it came first.
3. Nothing is written under the list's name before everything is known to be right.
4. A container that a source names is its members, in its own order. Those that share a name stay
   what they are, several images; a container that occurs again counts once.
5. A container that cannot be listed ends the listing, but for `append`: it is then left out, whole,
   and told of, since nobody is there at night to remove it.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import IO

from batchcls.errors import SourceError, StoppedError
from batchcls.images import Container, is_stored
from batchcls.job.job import Job
from batchcls.sources.containers.kinds import OBJECTS
from batchcls.sources.containers.listing import Lister, OpenLister, OwnLister
from batchcls.sources.containers.places import (
    NONE,
    RECORD,
)
from batchcls.sources.duplicates import SeenHashes, normal, repeated
from batchcls.sources.entries import Entries
from batchcls.sources.files import Files
from batchcls.sources.inputs import InputsList, ListWriter
from batchcls.sources.left_out import render_left_out
from batchcls.sources.nul_ended import read_names
from batchcls.sources.opening import Opened, open_sources
from batchcls.sources.url_names import is_url
from batchcls.sources.walk import Notes


def freeze(
    job: Job,
    path: Path,
    *,
    stdin: IO[bytes] | None = None,
    open_lister: OpenLister = OwnLister,
) -> InputsList:
    """List a job's images and write them to an inputs list.

    Args:
        job: its sources, null_separated, names, raw, exclude and follow_links count.
        path: of the list; its directory exists and is never listed itself.
        stdin: what the source ``-`` reads; None is standard input.
        open_lister: makes what lists containers.

    Raises:
        SourceError: a source is missing or unreadable, two overlap, or there are no images.
        StoppedError: the list cannot be written.
    """
    opened = open_sources(job, path.parent, stdin)
    with closing(open_lister(job.patterns, job.exclude, opened.notes)) as lister:
        return _write(opened, path, lister, None, job)


def extend(
    old: InputsList,
    job: Job,
    path: Path,
    *,
    stdin: IO[bytes] | None = None,
    open_lister: OpenLister = OwnLister,
) -> InputsList:
    """List a job's images again and append those that are new to its inputs list.

    Images that are gone by now stay listed: they have their lines in the results.

    Args:
        old: what the list at `path` holds.
        job: see `freeze`, like the others.

    Raises:
        SourceError: also where the sources now have another root.
    """
    opened = open_sources(job, path.parent, stdin)
    _require_root(opened, old)
    with closing(open_lister(job.patterns, job.exclude, opened.notes)) as lister:
        return _write(opened, path, lister, old, job)


def append(
    names: Iterable[bytes],
    opened: Opened,
    old: tuple[InputsList, Path] | None,
    job: Job,
    path: Path,
    notes: Notes,
    *,
    open_lister: OpenLister = OwnLister,
) -> InputsList | None:
    """Write a list, or a longer one, of images whose names are known; None if it got no longer.

    Args:
        names: in byte order, each once; none of them is on the list before.
        opened: the sources that they are from.
        old: the list before, and where it is; None if there is none.
        job: see `freeze`.
        path: of the new list, not that of the old one.
        notes: takes why a container is left out.

    Raises:
        SourceError: the sources have another root than the list before.
        StoppedError: the list cannot be written.
    """
    if old is not None:
        _require_root(opened, old[0])
    files = Files(names, opened.root)
    some = replace(opened, sources=(files,), may_repeat=False)
    with closing(open_lister(job.patterns, job.exclude, notes)) as lister:
        listed = _write(some, path, lister, old and old[0], job, (old and old[1], notes))
    return listed if listed.count > (old[0].count if old else 0) else None


def _require_root(opened: Opened, old: InputsList) -> None:
    if opened.root != old.root:
        raise SourceError(
            f"the finished list is relative to {old.root} and these sources to {opened.root}; "
            "extend it with the same sources, named from the same directory, or choose another "
            "`--output`"
        )


def _write(
    opened: Opened,
    path: Path,
    lister: Lister,
    old: InputsList | None,
    job: Job,
    appended: tuple[Path | None, Notes] | None = None,
) -> InputsList:
    """Write a list.

    Args:
        old: what the list at `path` holds, or that of `appended`.
        appended: see `append`.
    """
    writer = None
    try:
        writer = ListWriter(path)
        if old is not None:
            writer.begin_with(path if appended is None else appended[0] or path, old)
        notes = None if appended is None else appended[1]
        entries = Entries(writer, lister, opened.root, notes)
        for source in opened.sources:
            for name, place in source.list():
                entries.add(name, place, job.frame_step)
        left_out = render_left_out(opened.notes.left_out, excluding=bool(job.exclude))
        if not writer.count and appended is None:
            hint = f"; {left_out}" if left_out else ""
            raise SourceError(f"no images found {opened.looked_in}{hint}")
        repeats = 0
        if opened.may_repeat or (old is not None and appended is None):
            writer, repeats = _without_repeats(writer, os.fsencode(opened.root), path)
        count = writer.count
        sha256, members = writer.commit()
        return InputsList(
            root=opened.root,
            count=count,
            sha256=sha256,
            # What --extend finds again is no duplicate.
            duplicates=repeats if old is None else old.duplicates,
            skipped=(*([left_out] if left_out else ()), *opened.notes.as_tuple()),
            left_out=dict(opened.notes.left_out.most_common()),
            members=members,
            named={ending: count for ending, count in writer.named.items() if count},
        )
    except OSError as error:
        raise StoppedError(
            f"cannot write the list of images into {path.parent}: {error.strerror or error}; "
            "make room there or choose another `--output`, then run the same command again"
        ) from error
    finally:
        if writer is not None:
            writer.discard()


def _key(path: bytes, place: bytes, root: bytes, containers: Sequence[Container]) -> bytes:
    """What is the same for two entries of one image, and for no others."""
    number, _, offset, *_ = RECORD.unpack(place)
    if number == NONE:
        return _named(path) if is_url(path) else normal(path, root)
    held = containers[number]
    if held.kind == OBJECTS:
        return _named(path)
    name = os.fsencode(held.path)
    container = _named(name) if is_stored(held.path) else normal(name, root)
    # As MARK is, ``/./`` is in no normal path.
    return b"%s/./%016x" % (container, offset)


def _named(address: bytes) -> bytes:
    """``//`` means something in it, and must not be in a key."""
    return address.replace(b"/", b"/.")


def _without_repeats(writer: ListWriter, root: bytes, list_path: Path) -> tuple[ListWriter, int]:
    """The same list with every path once, and how many entries went; the same writer if none."""

    def keys() -> Iterator[bytes]:
        file.seek(0)
        pairs = zip(read_names(file), writer.places(), strict=False)
        return (_key(path, place, root, writer.containers) for path, place in pairs)

    seen = SeenHashes()
    with writer.reopen() as file:
        for key in keys():
            seen.add(key)
        suspects = seen.suspects()
        del seen
        if not suspects:
            return writer, 0
        drop = repeated(keys(), suspects, list_path.parent)
        file.seek(0)
        places = writer.places()
        # The new writer takes the temporary name; the old file lives on in `file` till the end.
        writer.discard()
        kept = ListWriter(list_path)
        kept.containers = writer.containers
        try:
            for position, (path, place) in enumerate(zip(read_names(file), places, strict=False)):
                if position not in drop:
                    kept.add(path, place)
        except BaseException:
            kept.discard()
            raise
    return kept, drop.count
