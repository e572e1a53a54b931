"""Looks at what lies under an output's name, and carries out what `plan` decides about it.

Rules of this file:

1. The lock is held by the caller all the while, so what was found once is still there.
2. Nothing is remembered between the steps but what they are given.
3. Before a worker has said what it made of the model, only what no result depends on is written:
   the list of a generation that does not exist yet.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcls.errors import BatchclsError, RefusedError
from batchcls.job.job import Job
from batchcls.messages import Answer
from batchcls.results import carry, generation
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.journal import Journal
from batchcls.results.manifest import Manifest
from batchcls.results.recovery import require_finished
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running import fingerprint
from batchcls.running.listed_work import ListedWork
from batchcls.running.plan import Again, Found, GoOn, NewGeneration, Request, when_listed
from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import InputsList, InputsReader


@dataclass(frozen=True, slots=True)
class Ready:
    """An output that lines can be written to.

    Attributes:
        journal: its results.
        work: the images that have no line yet.
    """

    journal: Journal
    work: ListedWork

    def close(self) -> None:
        """Close the files; what was not committed is done again next time."""
        self.journal.close()
        self.work.close()


class Output:
    """The files of a job's output.

    Args:
        job: the job.
        paths: where.
        storage: the file system.
    """

    def __init__(self, job: Job, paths: RunPaths, storage: Storage) -> None:
        self._job = job
        self._storage = storage
        self.paths = paths

    @property
    def again(self) -> Again:
        """What the job asks for if there are results already."""
        if self._job.fresh:
            return "fresh"
        if self._job.extend:
            return "extend"
        return "retry-failed" if self._job.retry_failed else ""

    def request(self, asked: Mapping[str, Any] | None) -> Request:
        """What `plan` is told of the job.

        Args:
            asked: by `fingerprint.asked`, if it is known by now.
        """
        normal = None if asked is None else fingerprint.normal(asked)
        return Request(self._job.output, self.paths, self.again, _places(self._job), normal)

    def look(self) -> Found:
        """What is there, once what a crash left half begun is carried out or forgotten.

        Raises:
            RefusedError: the manifest, the mark or the finished results are damaged.
            StoppedError: the disk fails.
        """
        paths, storage, fresh = self.paths, self._storage, self.again == "fresh"
        generation.recover(paths, storage, fresh=fresh)
        try:
            manifest = manifests.load(storage, paths.manifest)
        except RefusedError:
            if not fresh:
                raise
            manifest = None
        results = storage.stat(paths.results) is not None
        part = storage.stat(paths.part)
        mark = None
        # Damage of a mark that nothing depends on must not be in the way.
        if manifest is not None and part is None and not (fresh and results):
            found = marks.read(storage, paths.commit)
            mark = found[0] if found is not None else None
        there = Found(manifest, results, part.size if part is not None else None, mark)
        if there.complete and mark is not None and not fresh:
            with guard(paths.results):
                require_finished(storage, paths.results, mark)
        return there

    def list_inputs(self, decided: GoOn | NewGeneration) -> InputsList:
        """List the sources, unless there is a frozen list that stays.

        Raises:
            SourceError: a source is missing, or holds no images.
            RefusedError: the frozen list was changed.
            StoppedError: the disk is full or fails.
        """
        job, paths, storage = self._job, self.paths, self._storage
        before = _goes_on_from(decided)
        if before is None:
            generation.stage(paths, storage)
            return freeze(job, paths.next_inputs)
        manifests.require_inputs(storage, paths.inputs, before)
        listed = _inputs_of(before)
        if isinstance(decided, NewGeneration) and decided.reason == "extend":
            generation.stage(paths, storage, copy_inputs=True)
            return extend(listed, job, paths.next_inputs)
        return listed

    def open(
        self,
        decided: GoOn | NewGeneration,
        listed: InputsList,
        asked: Mapping[str, Any],
        description: Mapping[str, Any],
    ) -> Ready:
        """Begin the results, or resume them, now that a worker told what it made of the model.

        Args:
            decided: by `plan`.
            listed: by `list_inputs`.
            asked: by `fingerprint.asked`.
            description: the worker's.

        Raises:
            RefusedError: the results belong to a job that gives other answers, or are damaged.
            StoppedError: the disk is full or fails.
        """
        paths, storage = self.paths, self._storage
        resolved = fingerprint.resolved(asked, description)
        if (before := _goes_on_from(decided)) is not None:
            manifests.require_same(before, resolved, paths.results)
        decided = when_listed(decided, listed.count)
        if isinstance(decided, NewGeneration):
            labels = description.get("labels")
            manifest = self._next_manifest(decided, listed, asked, resolved, labels)
            generation.begin(paths, storage, manifest, fresh=decided.over)
        else:
            manifest = decided.manifest
        with contextlib.ExitStack() as undo:
            journal = Journal.open(
                paths, storage, manifest.count, manifest.run, replaces=manifest.replaces
            )
            undo.callback(journal.close)
            with guard(paths.inputs):
                reader = InputsReader(paths.inputs, manifest.root)
            undo.callback(reader.close)
            first, passes = journal.count, self._job.number_iter
            carried = self._carried(manifest, first)
            work = ListedWork(reader, manifest.count, first, passes, carried)
            undo.pop_all()
        return Ready(journal, work)

    def forget_prepared(self) -> None:
        """Remove a list that no generation was begun with; a disk that fails may keep it."""
        with contextlib.suppress(BatchclsError):
            generation.forget(self.paths, self._storage)

    def _next_manifest(
        self,
        decided: NewGeneration,
        listed: InputsList,
        asked: Mapping[str, Any],
        resolved: Mapping[str, Any],
        labels: object,
    ) -> Manifest:
        job, before, replaces = self._job, decided.before, None
        if before is not None:
            replaces = generation.finished_file(self.paths, self._storage, fresh=decided.over)
        return Manifest(
            inputs=listed.as_dict(),
            fingerprint=resolved,
            sources=job.sources,
            settings={
                "asked": fingerprint.normal(asked),
                "places": _places(job),
                "job": job.as_dict(),
                "labels": labels,
            },
            generation=1 if before is None else before.generation + 1,
            carry=decided.carry,
            replaces=replaces,
        )

    def _carried(self, manifest: Manifest, first: int) -> Iterator[Answer] | None:
        """Lines that an unfinished generation takes over from the one before."""
        if not manifest.carry or first == manifest.count:
            return None
        answers = carry.answers(
            self._storage, self.paths.results, start=first, expected=manifest.replaces
        )
        retry = manifest.carry == "retry-failed"
        return (answer for answer in answers if not (retry and answer.failed))


def _goes_on_from(decided: GoOn | NewGeneration) -> Manifest | None:
    """The generation whose list and whose lines count on."""
    if isinstance(decided, GoOn):
        return decided.manifest
    return None if decided.over else decided.before


def _inputs_of(manifest: Manifest) -> InputsList:
    inputs = dict(manifest.inputs)
    inputs["skipped"] = tuple(inputs.get("skipped", ()))
    return InputsList(**inputs)


def _places(job: Job) -> list[str]:
    """The sources as places, so that a resume from another directory is the same job."""
    places = []
    for source in job.sources:
        mark, path = ("@", source[1:]) if source.startswith("@") else ("", source)
        places.append(source if source == "-" else mark + str(Path(path).absolute()))
    with contextlib.suppress(UnicodeEncodeError):
        "".join(places).encode()
        return places
    return [place.encode(errors="surrogateescape").hex() for place in places]
