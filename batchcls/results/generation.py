"""Begins a generation of a run: its manifest and inputs list take effect together, or not at all.

Rules of this file:

1. A generation is prepared in ``next/``. It exists from the moment ``next/manifest.json`` does:
   before that, a crash leaves what was; after it, `recover` carries the rest out.
2. Everything behind that moment can be done again after a crash in the middle of it.
3. Results of an earlier generation are not touched here, but by the journal, when the new ones are
   complete. Only an unfinished part goes, and only by ``--fresh``.
   The list of a run may grow while its lines are written (`grow`): its lines stay.
4. The caller holds the lock.

The way of a run::

    make_directory · Lock.take · recover · manifest.load ─┬─ none, or a new generation:
                                                          │    stage · freeze(job, next_inputs)
                                                          │    begin(manifest)
                                                          └─ resume: require_inputs · require_same
    Journal.open(…, manifest.count, manifest.run, replaces=manifest.replaces)
"""

import contextlib

from batchcls.errors import RefusedError
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.manifest import Manifest
from batchcls.results.opening import taken_message
from batchcls.results.recovery import Identity, Prefix, identify
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage, copy_file, opened


def recover(paths: RunPaths, storage: Storage, *, fresh: bool = False) -> None:
    """Complete, or forget, the start of a generation that a crash interrupted.

    Args:
        fresh: forget it in any case.

    Raises:
        RefusedError: the next manifest is damaged.
        StoppedError: the disk fails.
    """
    found = None if fresh else manifests.load(storage, paths.next_manifest)
    with guard(paths.directory):
        # A process that was killed may have made names without syncing them. What is done now must
        # not reach the disk before they do.
        if storage.stat(paths.next) is not None:
            storage.fsync_dir(paths.next)
            storage.fsync_dir(paths.directory)
        if found is None:
            _clear_next(paths, storage)
        else:
            _take_over(paths, storage, found)


def stage(paths: RunPaths, storage: Storage, old: RunPaths | None = None) -> None:
    """Make an empty ``next/`` for a new inputs list.

    Args:
        old: put a copy of the list of this run there: for ``--extend`` to lengthen, or of a shard.

    Raises:
        StoppedError: the disk is full or fails.
    """
    with guard(paths.next):
        _clear_next(paths, storage)
        storage.mkdir(paths.next)
        storage.fsync_dir(paths.directory)
        if old is not None:
            for file in old.list_files:
                if storage.stat(file) is not None:
                    copy_file(storage, file, paths.next / file.name)
            storage.fsync_dir(paths.next)


def forget(paths: RunPaths, storage: Storage) -> None:
    """Remove what was prepared for a generation that was not begun.

    Raises:
        StoppedError: the disk fails.
    """
    with guard(paths.next):
        if storage.stat(paths.next_manifest) is None:
            _clear_next(paths, storage)


def begin(paths: RunPaths, storage: Storage, manifest: Manifest, *, fresh: bool = False) -> None:
    """Start a generation. Its inputs list is in ``next/``, or the present one stays.

    Args:
        fresh: an unfinished part may go.

    Raises:
        RefusedError: there are results that this would lose, or the path is not writable.
        StoppedError: the disk is full or fails.
    """
    with guard(paths.part):
        part = storage.stat(paths.part)
        if part is not None and part.size and not fresh:
            raise RefusedError(
                f"{paths.part} holds results of another run; move it away, choose another "
                "`--output`, or start over with `--fresh`"
            )
        final = storage.stat(paths.results)
        if final is not None and manifest.replaces is None:
            raise RefusedError(taken_message(paths.results))
        storage.mkdir(paths.next)
        storage.fsync_dir(paths.directory)
    manifests.save(storage, paths.next_manifest, manifest)
    recover(paths, storage)


def grow(paths: RunPaths, storage: Storage, manifest: Manifest) -> None:
    """Put a longer inputs list, which is in ``next/``, in the place of that of this generation.

    Its lines stay: those of the images that were listed before are what they would be.

    Args:
        manifest: the same run's, with the new list.

    Raises:
        StoppedError: the disk is full or fails.
    """
    manifests.save(storage, paths.next_manifest, manifest)
    recover(paths, storage)


def finished_file(paths: RunPaths, storage: Storage, *, fresh: bool = False) -> Identity | None:
    """The finished results file as it is now, for `Manifest.replaces`; None if there is none.

    Args:
        fresh: take it as it is; otherwise it must be what was finished, so that no damage is
            carried over.

    Raises:
        RefusedError: it has changed since it was finished.
        StoppedError: the disk fails.
    """
    with guard(paths.results):
        try:
            with opened(storage, paths.results) as fd:
                found = identify(storage, fd)
        except FileNotFoundError:
            return None
        if not fresh:
            marked = marks.read(storage, paths.commit)
            if marked is None or Prefix.of(marked[0]).identity != found:
                raise RefusedError(
                    f"{paths.results} has changed since it was complete; restore it from a copy, "
                    "or start over with `--fresh`"
                )
        return found


def _take_over(paths: RunPaths, storage: Storage, manifest: Manifest) -> None:
    """Each step is on the disk before the next begins, and harmless when done twice.

    As long as there is a next manifest, nothing was written for it: a part is of what was before,
    unless it is the same run, whose list grows.
    """
    if not _grows(paths, storage, manifest):
        storage.unlink(paths.part)
        storage.fsync_dir(paths.results.parent)
        storage.unlink(paths.commit)
        storage.fsync_dir(paths.directory)
    for old, new in zip(paths.next_list_files, paths.list_files, strict=True):
        if storage.stat(old) is not None:
            storage.rename(old, new)
            storage.fsync_dir(paths.directory)
    if not manifest.members:  # those of the list before, if it had any
        for file in paths.list_files[1:]:
            storage.unlink(file)
    storage.rename(paths.next_manifest, paths.manifest)
    storage.fsync_dir(paths.directory)
    _clear_next(paths, storage)


def _grows(paths: RunPaths, storage: Storage, manifest: Manifest) -> bool:
    """Whether this is the present run with a longer list, so that its lines stay.

    Where the present manifest is damaged the mark is asked, and where both are, ``--fresh`` is to
    replace them. A run that is merged again has the same id, and the same list.
    """
    try:
        before = manifests.load(storage, paths.manifest)
        if before is None or before.run != manifest.run:
            return False
        return before.count < manifest.count
    except RefusedError:
        with contextlib.suppress(RefusedError):
            marked = marks.read(storage, paths.commit)
            return marked is not None and marked[0].run == manifest.run
    return False


def _clear_next(paths: RunPaths, storage: Storage) -> None:
    for name in storage.listdir(paths.next):
        storage.unlink(paths.next / name)
    storage.rmdir(paths.next)
