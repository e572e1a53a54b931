"""From a job's sources to its frozen inputs list: each image once, in an order that stays.

Rules of this file:

1. Sources come in the order given; within each, images come in the order of `Source.list`.
2. A path that occurs again, in another source or list, counts once, where it came first.
3. Nothing is written under the list's name before everything is known to be right.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from batchcls.errors import SourceError, StoppedError
from batchcls.job.job import Job
from batchcls.sources.duplicates import SeenHashes, normal, repeated
from batchcls.sources.inputs import InputsList, ListWriter
from batchcls.sources.nul_ended import read_names
from batchcls.sources.opening import Opened, open_sources

PICTURES = frozenset({
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf",
    ".rw2", ".raf", ".psd", ".svg", ".pdf", ".dcm", ".ppm", ".pgm", ".exr", ".hdr", ".ico",
})  # fmt: skip
"""Endings of pictures that are not read: named first among what is left out."""
MOST_SHOWN = 6


def freeze(job: Job, path: Path, *, stdin: IO[bytes] | None = None) -> InputsList:
    """List a job's images and write them to an inputs list.

    Args:
        job: its sources, null_separated, names, exclude and follow_links count.
        path: of the list; its directory exists and is never listed itself.
        stdin: what the source ``-`` reads; None is standard input.

    Raises:
        SourceError: a source is missing or unreadable, two overlap, or there are no images.
        StoppedError: the list cannot be written.
    """
    return _write(open_sources(job, path.parent, stdin), path, old=None)


def extend(old: InputsList, job: Job, path: Path, *, stdin: IO[bytes] | None = None) -> InputsList:
    """List a job's images again and append those that are new to its inputs list.

    Images that are gone by now stay listed: they have their lines in the results.

    Args:
        old: what the list at `path` holds.
        job: see `freeze`, like the others.

    Raises:
        SourceError: also where the sources now have another root.
    """
    opened = open_sources(job, path.parent, stdin)
    if opened.root != old.root:
        raise SourceError(
            f"the finished list is relative to {old.root} and these sources to {opened.root}; "
            "extend it with the same sources, named from the same directory, or choose another "
            "`--output`"
        )
    return _write(opened, path, old=old)


def _write(opened: Opened, path: Path, old: InputsList | None) -> InputsList:
    writer = None
    try:
        writer = ListWriter(path)
        if old is not None:
            with path.open("rb") as file:
                for name in read_names(file):
                    writer.add(name)
        for source in opened.sources:
            # The place of every file is the root, which the manifest holds once for all of them.
            for name, _ in source.list():
                writer.add(name)
        left_out = render_left_out(opened.notes.left_out)
        if not writer.count:
            hint = f"; {left_out}" if left_out else ""
            raise SourceError(f"no images found {opened.looked_in}{hint}")
        repeats = 0
        if opened.may_repeat or old is not None:
            writer, repeats = _without_repeats(writer, os.fsencode(opened.root), path)
        count = writer.count
        return InputsList(
            root=opened.root,
            count=count,
            sha256=writer.commit(),
            # What --extend finds again is no duplicate.
            duplicates=repeats if old is None else old.duplicates,
            skipped=(*([left_out] if left_out else ()), *opened.notes.as_tuple()),
            left_out=dict(opened.notes.left_out.most_common()),
        )
    except OSError as error:
        raise StoppedError(
            f"cannot write the list of images into {path.parent}: {error.strerror or error}; "
            "make room there or choose another `--output`, then run the same command again"
        ) from error
    finally:
        if writer is not None:
            writer.discard()


def render_left_out(left_out: Mapping[str, int]) -> str:
    """What was left out by name, in a sentence; empty if nothing was.

    Args:
        left_out: see `Notes.left_out`.
    """
    files = {name: count for name, count in left_out.items() if not name.endswith("/")}
    folders = {name: count for name, count in left_out.items() if name.endswith("/")}
    parts = []
    if files:
        parts.append(f"left out by name: {_most(files, 'without an ending')} (see `--names`)")
    if folders:
        parts.append(f"folders left out: {_most(folders, '')}")
    return "; ".join(parts)


def _most(counts: Mapping[str, int], unnamed: str) -> str:
    """The largest counts, those that sound like pictures first."""
    ranked = sorted(counts, key=lambda name: (name not in PICTURES, -counts[name], name))
    shown = [f"{counts[name]:,} {name or unnamed}" for name in ranked[:MOST_SHOWN]]
    more = sum(counts[name] for name in ranked[MOST_SHOWN:])
    return ", ".join([*shown, f"{more:,} more"] if more else shown)


def _without_repeats(writer: ListWriter, root: bytes, list_path: Path) -> tuple[ListWriter, int]:
    """The same list with every path once, and how many entries went; the same writer if none."""
    seen = SeenHashes()
    with writer.reopen() as file:
        for path in read_names(file):
            seen.add(normal(path, root))
        suspects = seen.suspects()
        del seen
        if not suspects:
            return writer, 0
        file.seek(0)
        drop = repeated(
            (normal(path, root) for path in read_names(file)), suspects, list_path.parent
        )
        file.seek(0)
        # The new writer takes the temporary name; the old file lives on in `file` till the end.
        writer.discard()
        kept = ListWriter(list_path)
        try:
            for position, path in enumerate(read_names(file)):
                if position not in drop:
                    kept.add(path)
        except BaseException:
            kept.discard()
            raise
    return kept, drop.count
