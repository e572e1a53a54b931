"""Joins the results of all shards of a job into the file that one machine would have written.

Rules of this file:

1. Shards are only read. Nothing is written before all of them are known to fit together.
2. What is written is a run like any other: its own manifest, list and journal. So a merge that was
   killed leaves no file under the final name, and the same command completes it; and the merged
   results can be verified, extended, and their failed images labelled again.
3. The id of that run is made of what is merged. A merge of other shards, or of shards that changed
   since, is another run.
4. Flat memory, whatever the number of lines.
"""

import contextlib
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from batchcls.errors import BatchclsError, RefusedError, UsageError
from batchcls.results import echoes, embeddings, first_look, generation, unchecked
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.journal import Journal
from batchcls.results.lock import Lock
from batchcls.results.manifest import FEATURES, Manifest
from batchcls.results.recovery import lines
from batchcls.results.rundir import RunPaths, make_directory, remove_unbegun
from batchcls.results.shards import Shard, read_all, unheard
from batchcls.results.storage import Storage, blocks, opened

AT_ONCE = 4096
OF_FIRST = ("asked", "fast", "guess", "labels", "places", "sizes")
"""Settings that the merged manifest has from its first shard; of the others, those in all."""
OWN = ("job", manifests.SHARD_KEY)
"""Settings of the shards alone."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge.

    Attributes:
        images: lines of the results.
        failed: those with an error.
    """

    images: int
    failed: int
    notes: tuple[str, ...] = ()


def merge(
    output: str,
    names: Sequence[str],
    storage: Storage,
    *,
    fresh: bool = False,
    mixed_processors: bool = False,
) -> Merged:
    """Write the results of all shards into one file.

    Args:
        names: the shards' results files, in any order.
        fresh: discard what is there under the output's name.
        mixed_processors: accept shards whose processors round differently.

    Raises:
        UsageError: the output is one of the shards.
        RefusedError: shards are missing, incomplete or damaged, or do not fit together; or the
            output belongs to another run.
        StoppedError: the disk is full or fails; the same merge completes it.
    """
    paths = RunPaths.of(output)
    shards = read_all(names, storage, mixed_processors=mixed_processors)
    _require_apart(paths, shards, storage)
    make_directory(paths, storage)
    with Lock.take(paths, storage) as lock:
        try:
            manifest = _begin(output, paths, storage, shards, fresh=fresh)
            lock.require_in_place()
            return _written(paths, storage, shards, manifest)
        except BatchclsError as error:
            if error.exit_code == 2:  # refused, and nothing of it is of use
                generation.forget(paths, storage)
                remove_unbegun(paths, storage)
            raise


def _require_apart(paths: RunPaths, shards: Sequence[Shard], storage: Storage) -> None:
    with guard(paths.directory):
        directory = storage.stat(paths.directory)
        for shard in shards:
            there = storage.stat(shard.paths.directory)
            if there is not None and there.same_file(directory):
                raise UsageError(
                    f"{paths.results} is one of the shards; name the file to write first, and "
                    "then the shards"
                )


def _begin(
    output: str, paths: RunPaths, storage: Storage, shards: Sequence[Shard], *, fresh: bool
) -> Manifest:
    """The manifest of the merged results, begun now or by an earlier try."""
    generation.recover(paths, storage, fresh=fresh)
    merged = _manifest(shards)
    replaces, before = None, None
    if fresh:
        # Without a manifest beside it the file is somebody's, and `begin` refuses to replace it.
        if storage.stat(paths.manifest) is not None:
            replaces = generation.finished_file(paths, storage, fresh=True)
            before = merged  # what is beside it goes with it
    elif (found := manifests.load(storage, paths.manifest)) is not None:
        if found.run != merged.run:
            raise RefusedError(
                f"{output} is of another run, or of shards that have changed since; choose "
                "another file, or start over with `--fresh`"
            )
        if not _removed(paths, storage):
            return found
        before = found
    merged = replace(merged, replaces=replaces)
    embeddings.require_free(paths, storage, merged, before)
    manifests.require_inputs(storage, shards[0].paths.inputs, shards[0].manifest)
    generation.stage(paths, storage, shards[0].paths)
    if plan := first_look.plan_of(merged.settings, shards[0].name):
        # Whatever goes on from the merged results looks as the shards did. Shards that were moved
        # without the model can be merged all the same: workers that miss it say so.
        any(first_look.take_over(plan, shard.paths, paths, storage) for shard in shards)
    generation.begin(paths, storage, merged, fresh=fresh)
    return merged


def _removed(paths: RunPaths, storage: Storage) -> bool:
    """Somebody removed the merged results: they are wanted again."""
    with guard(paths.commit):
        if storage.stat(paths.results) is not None or storage.stat(paths.part) is not None:
            return False
        mark = marks.read(storage, paths.commit)
    return mark is not None and mark[0].state == "complete"


def _manifest(shards: Sequence[Shard]) -> Manifest:
    first = shards[0].manifest
    everywhere = [shard.manifest.settings for shard in shards]
    settings: dict[str, Any] = {
        key: value
        for key, value in first.settings.items()
        if key in OF_FIRST
        or (key not in OWN and all(key in other and other[key] == value for other in everywhere))
    }
    settings[echoes.KEY] = _echoes(shards)
    if left := [one for each in everywhere for one in each.get(unchecked.KEY, ())]:
        settings[unchecked.KEY] = left
    of = hashlib.sha256()
    for shard in shards:
        of.update(f"{shard.manifest.run} {shard.mark.size} {shard.mark.crc32}\n".encode())
    return Manifest(first.inputs, first.fingerprint, first.sources, settings, of.hexdigest()[:32])


def _echoes(shards: Sequence[Shard]) -> list[dict[str, Any]]:
    """Which machine labelled what; one entry for neighbours that round alike."""
    entries: list[dict[str, Any]] = []
    for shard in shards:
        for echo in echoes.recorded(shard.manifest.settings):
            entries = echoes.joined({echoes.KEY: entries}, echo)
    return entries


def _written(
    paths: RunPaths, storage: Storage, shards: Sequence[Shard], manifest: Manifest
) -> Merged:
    # What no mark vouches for is copied again: it costs less than to compare it.
    journal = Journal.open(
        paths, storage, manifest.count, manifest.run,
        replaces=manifest.replaces, fits=lambda line, index: False,
    )  # fmt: skip
    journal.every_records = manifest.count + 1  # so that commits are as large as they may be
    rows = embeddings.opened_for(paths, storage, manifest, journal)
    try:
        for shard in shards:
            if rows is not None:
                rows.take(shard.paths.embeddings, manifest.count, shard.manifest.lines)
            if shard.manifest.lines.stop > journal.next:
                _copy(shard, journal, storage)
        journal.finish()
        if FEATURES in manifest.fingerprint:
            embeddings.settle(paths, storage)
    finally:
        journal.close()
        if rows is not None:
            rows.close()
    return Merged(manifest.count, sum(journal.failed.values()), unheard(shards))


def _copy(shard: Shard, journal: Journal, storage: Storage) -> None:
    """Append the lines that are missing of a shard, and see that they are what it finished."""
    first = shard.manifest.lines.start
    with guard(shard.paths.results), opened(storage, shard.paths.results) as fd:
        read = _Read(blocks(storage, fd, 0))
        left = islice(lines(read), journal.next - first, None)
        with contextlib.suppress(ValueError):  # no line that belongs there; see below
            while some := [line for line, _ in islice(left, AT_ONCE)]:
                journal.append(journal.next, some)
        if (read.size, read.crc32) != (shard.mark.size, shard.mark.crc32):
            journal.take_back(first)
            raise RefusedError(
                f"{shard.paths.results} was changed while it was merged; `batchcls verify` says "
                "more"
            )


class _Read:
    """Blocks of a file as they pass, and what they came to."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self.size = self.crc32 = 0
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        for block in self._source:
            self.size += len(block)
            self.crc32 = zlib.crc32(block, self.crc32)
            yield block
