"""A run of the results side alone, as the engine would do it, over any storage.

Everything is deterministic, run ids included, so that operation k of one run is operation k of the
next.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.job.shard import part_of
from batchcls.messages import Answer
from batchcls.results import carry, generation, record
from batchcls.results.disk_errors import guard
from batchcls.results.journal import Journal
from batchcls.results.lock import Lock
from batchcls.results.manifest import SHARD_KEY, Manifest, load, require_inputs
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import Storage, write_atomically


def name(index: int) -> str:
    return f"folder/image {index}.jpg"


def line(index: int, *, retried: bool = False) -> bytes:
    """Image k's record; every seventh failed, until it is tried again."""
    ref = ImageRef(index, name(index))
    if index % 7 == 3 and not retried:
        return record.failure_line(ref, Failure("truncated", "the file ends early"))
    score = (index * 37 % 100) / 100
    return record.ok_line(ref, [Prediction(index % 5, f"label {index % 5}", score)])


def lines(count: int, *, retried: bool = False) -> list[bytes]:
    return [line(k, retried=retried) for k in range(count)]


def as_file(records: Sequence[bytes]) -> bytes:
    return b"".join(r + b"\n" for r in records)


def inputs(count: int) -> bytes:
    return b"".join(name(k).encode() + b"\0" for k in range(count))


def manifest(count: int, number: int = 1, shard: str | None = None) -> Manifest:
    listed = inputs(count)
    return Manifest(
        inputs={"root": "/photos", "count": count, "sha256": hashlib.sha256(listed).hexdigest()},
        fingerprint={"top": 1},
        sources=("photos",),
        settings={} if shard is None else {SHARD_KEY: shard},
        run=f"run-{number}" if shard is None else f"run-{number} of {shard}",
        generation=number,
    )


class Story:
    """One job's session: begin or resume, write what is missing, finish.

    Args:
        paths: where.
        storage: the file system.
        count: images.
        every: lines in a commit.
        journal: the class under test, or a mutant of it.
        shard: which part of the images; None is all.
    """

    def __init__(
        self,
        paths: RunPaths,
        storage: Storage,
        count: int,
        every: int = 10,
        journal: type[Journal] = Journal,
        shard: str | None = None,
    ) -> None:
        self.shard = shard
        self.part = part_of(shard, count)
        self.paths = paths
        self.storage = storage
        self.count = count
        self.every = every
        self.journal_class = journal
        self.acknowledged = 0
        self.found = 0
        self.dropped = 0

    def session(self, *, until: int | None = None) -> bool:
        """The first generation, up to a line if one is named; whether it is finished."""
        return self._session(self._first, lines(self.count), until)

    def session_retry(self, *, until: int | None = None) -> bool:
        """A second generation over a finished one: failed lines are made again."""
        return self._session(self._second, lines(self.count, retried=True), until)

    def recover_only(self, *, second: bool) -> None:
        """Begin or resume, without a line written."""
        self._session(self._second if second else self._first, (), 0)

    def _session(
        self, current: Callable[[], Manifest], records: Sequence[bytes], until: int | None
    ) -> bool:
        make_directory(self.paths, self.storage)
        with Lock.take(self.paths, self.storage, patience_s=0):
            generation.recover(self.paths, self.storage)
            manifest = current()
            require_inputs(self.storage, self.paths.inputs, manifest)
            journal = self.journal_class.open(
                self.paths,
                self.storage,
                len(manifest.lines),
                manifest.run,
                replaces=manifest.replaces,
                first=manifest.lines.start,
            )
            self.found, self.dropped = journal.count, journal.dropped
            self.acknowledged = journal.identity.lines
            try:
                self._write(journal, manifest, records, until)
                finished = journal.finished
            finally:
                journal.close()
        return finished

    def _write(
        self, journal: Journal, manifest: Manifest, records: Sequence[bytes], until: int | None
    ) -> None:
        journal.every_records = self.every
        if manifest.carry and not journal.finished:
            answers = carry.answers(
                self.storage,
                self.paths.results,
                start=journal.next,
                expected=manifest.replaces,
                first=self.part.start,
            )
            with contextlib.closing(answers) as carried:
                self._append(journal, records, until, carried)
        else:
            self._append(journal, records, until, iter(()))
        if until is None:
            journal.finish()
            self.acknowledged = journal.identity.lines
        else:
            journal.commit()

    def _append(
        self,
        journal: Journal,
        records: Sequence[bytes],
        until: int | None,
        carried: Iterator[Answer],
    ) -> None:
        while journal.count < (len(self.part) if until is None else until):
            index = journal.next
            answer = next(carried, None)
            kept = answer.line if answer and not answer.failed else records[index]
            journal.append(index, [kept])
            self.acknowledged = journal.identity.lines

    def _first(self) -> Manifest:
        found = load(self.storage, self.paths.manifest)
        if found is None:
            found = manifest(self.count, shard=self.shard)
            generation.stage(self.paths, self.storage)
            with guard(self.paths.next_inputs):
                write_atomically(self.storage, self.paths.next_inputs, inputs(self.count))
            generation.begin(self.paths, self.storage, found)
        return found

    def _second(self) -> Manifest:
        found = load(self.storage, self.paths.manifest)
        if found is None:
            return self._first()
        if found.generation == 1:
            first = manifest(self.count, 2, self.shard)
            found = Manifest(
                inputs=first.inputs,
                fingerprint=first.fingerprint,
                sources=first.sources,
                settings=first.settings,
                run=first.run,
                generation=2,
                carry="retry-failed",
                replaces=generation.finished_file(self.paths, self.storage),
            )
            generation.begin(self.paths, self.storage, found)
        return found


def paths_in(directory: Path) -> RunPaths:
    return RunPaths.of(directory / "results.jsonl")
