"""From a job's sources to its frozen inputs list: each image once, in an order that stays.

Rules of this file:

1. Sources come in the order given; within each, images come in the order of `Source.list`.
2. A path that occurs again, in another source or list, counts once, where it came first.
3. Nothing is written under the list's name before everything is known to be right.
"""

import os
from pathlib import Path
from typing import IO

from batchcls.errors import SourceError, StoppedError
from batchcls.job.job import Job
from batchcls.sources.duplicates import SeenHashes, normal, repeated
from batchcls.sources.inputs import InputsList, ListWriter
from batchcls.sources.nul_ended import read_names
from batchcls.sources.opening import Opened, open_sources


def freeze(job: Job, path: Path, *, stdin: IO[bytes] | None = None) -> InputsList:
    """List a job's images and write them to an inputs list.

    Args:
        job: its sources, null_separated, names and follow_links count.
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
    writer = ListWriter(path)
    try:
        if old is not None:
            with path.open("rb") as file:
                for name in read_names(file):
                    writer.add(name)
        for source in opened.sources:
            # The place of every file is the root, which the manifest holds once for all of them.
            for name, _ in source.list():
                writer.add(name)
        if not writer.count:
            raise SourceError(f"no images found {opened.looked_in}")
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
            skipped=opened.notes.as_tuple(),
        )
    except OSError as error:
        raise StoppedError(
            f"cannot write the list of images into {path.parent}: {error.strerror or error}; "
            "make room there or choose another `--output`, then run the same command again"
        ) from error
    finally:
        writer.discard()


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
