"""What stands under an output's name, and what a job makes of it: begin, go on, or nothing to do.

Rules of this file:

1. The lock is held by the caller all the while.
2. What may be decided without a model is decided before a worker is started; whether results belong
   to the same job, in doubt, only after a worker has said what it made of the model.
3. Only a new generation ever replaces finished results, and only by rename.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from batchcls.errors import RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.messages import Answer
from batchcls.results import carry, generation
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.journal import Journal
from batchcls.results.manifest import Carry, Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running import fingerprint
from batchcls.running.listed_work import ListedWork
from batchcls.sources import InputsList, InputsReader, extend, freeze


@dataclass(frozen=True, slots=True)
class Ready:
    """An output that lines can be written to.

    Attributes:
        manifest: of the run.
        journal: its results.
        work: the images that have no line yet.
    """

    manifest: Manifest
    journal: Journal
    work: ListedWork

    def close(self) -> None:
        """Close the files; what was not committed is done again next time."""
        self.journal.close()
        self.work.close()


class Output:
    """One job's output.

    Args:
        job: the job.
        paths: where.
        storage: the file system.
    """

    def __init__(self, job: Job, paths: RunPaths, storage: Storage) -> None:
        self._job = job
        self._paths = paths
        self._storage = storage
        generation.recover(paths, storage, fresh=job.fresh)
        self._old = self._load_old()
        self.removed = self._is_removed()
        self._fresh = job.fresh or self.removed
        self._manifest = None if self._fresh else self._old
        self._finished = self._is_finished()
        self._inputs: InputsList | None = None
        self.duplicates = 0
        self.skipped: tuple[str, ...] = ()

    @cached_property
    def _asked(self) -> dict[str, Any]:
        """What the job asks for; to hash a large model takes a while."""
        return fingerprint.asked(self._job)

    @property
    def nothing_to_do(self) -> Manifest | None:
        """The manifest, where the results are complete and the job asks for nothing else."""
        new = self._job.extend or self._job.retry_failed
        if self._manifest is None or not self._finished or new:
            return None
        same = self._manifest.settings.get("asked") == fingerprint.normal(self._asked)
        return self._manifest if same else None

    def check(self) -> None:
        """Refuse what can be refused without a model.

        Raises:
            RefusedError: the results belong to other sources, or to nobody we know.
        """
        job, manifest = self._job, self._manifest
        mode = "--extend" if job.extend else "--retry-failed"
        if manifest is None:
            self._require_free()
            if job.extend or job.retry_failed:
                raise UsageError(
                    f"{job.output}: there are no complete results; run without `{mode}` first"
                )
            return
        self._require_same_sources(manifest)
        if (job.extend or job.retry_failed) and not self._finished:
            raise RefusedError(
                f"{job.output} is not complete; run the same command without `{mode}` first"
            )

    def list_inputs(self) -> int:
        """List the sources, unless a frozen list is there; how many images there are.

        Raises:
            ModelError: the model cannot be read.
            LabelsError: the labels file cannot be read.
            SourceError: a source is missing, or holds no images.
            RefusedError: the frozen list was changed.
        """
        job, paths, storage, old = self._job, self._paths, self._storage, self._manifest
        _ = self._asked  # now: workers are loading, and to hash the model takes a while
        if old is None:
            generation.stage(paths, storage)
            self._inputs = freeze(job, paths.next_inputs)
        elif job.extend:
            manifests.require_inputs(storage, paths.inputs, old)
            generation.stage(paths, storage, copy_inputs=True)
            self._inputs = extend(_inputs_of(old), job, paths.next_inputs)
        else:
            manifests.require_inputs(storage, paths.inputs, old)
            self._inputs = _inputs_of(old)
        self.duplicates, self.skipped = self._inputs.duplicates, self._inputs.skipped
        return self._inputs.count

    def open(self, description: Mapping[str, Any]) -> Ready:
        """Begin the results, or go on with them, now that a worker told what it made of the model.

        Raises:
            RefusedError: the results belong to a job that gives other answers, or are damaged.
            StoppedError: the disk is full or fails.
        """
        resolved = fingerprint.resolved(self._asked, description)
        manifest = self._manifest
        if manifest is not None:
            manifests.require_same(manifest, resolved, self._paths.results)
        if manifest is None or self._begins_anew(manifest):
            manifest = self._next_manifest(resolved)
            generation.begin(self._paths, self._storage, manifest, fresh=self._fresh)
        journal = Journal.open(
            self._paths, self._storage, manifest.count, manifest.run, replaces=manifest.replaces
        )
        reader = InputsReader(self._paths.inputs, manifest.root)
        first = journal.count
        carried = self._carried(manifest, first)
        return Ready(
            manifest,
            journal,
            ListedWork(reader, manifest.count, first, self._job.number_iter, carried),
        )

    # ----

    @property
    def _listed(self) -> InputsList:
        if self._inputs is None:
            raise RuntimeError("the inputs are not listed yet")
        return self._inputs

    def _load_old(self) -> Manifest | None:
        try:
            return manifests.load(self._storage, self._paths.manifest)
        except RefusedError:
            if self._job.fresh:
                return None
            raise

    def _is_removed(self) -> bool:
        """Somebody removed the finished results: what else could he want than new ones?"""
        old, storage, paths = self._old, self._storage, self._paths
        if old is None or storage.stat(paths.results) or storage.stat(paths.part):
            return False
        found = marks.read(storage, paths.commit)
        return found is not None and (found[0].run, found[0].state) == (old.run, "complete")

    def _is_finished(self) -> bool:
        """The final file is there and no further generation was begun behind it."""
        manifest, storage, paths = self._manifest, self._storage, self._paths
        if manifest is None or storage.stat(paths.results) is None or storage.stat(paths.part):
            return False
        found = marks.read(storage, paths.commit)
        return found is not None and (found[0].run, found[0].state) == (manifest.run, "complete")

    def _require_free(self) -> None:
        """Nobody else's results may be in the way."""
        results, part = self._paths.results, self._storage.stat(self._paths.part)
        if self._old is None and self._storage.stat(results) is not None:
            raise RefusedError(
                f"{results} exists, and {self._paths.directory} does not say which run it is from; "
                "move it away, or choose another `--output`"
            )
        if part is not None and part.size and not self._fresh:
            raise RefusedError(
                f"{self._paths.part} holds results, but {self._paths.directory} does not say of "
                "which run; move it away, choose another `--output`, or start over with `--fresh`"
            )

    def _require_same_sources(self, manifest: Manifest) -> None:
        before = manifest.settings.get("places")
        now = _places(self._job)
        if before != now:
            raise RefusedError(
                f"{self._job.output} was made from other sources:\n"
                f"  was {', '.join(before or ['?'])}\n  is {', '.join(now)}\n"
                "name the old sources, choose another `--output`, or start over with `--fresh`"
            )

    def _begins_anew(self, manifest: Manifest) -> bool:
        """A further generation is asked for, and has something to do."""
        if self._job.extend:
            return self._listed.count > manifest.count
        if self._job.retry_failed:
            found = marks.read(self._storage, self._paths.commit)
            return found is not None and bool(found[0].failed)
        return False

    def _next_manifest(self, resolved: Mapping[str, Any]) -> Manifest:
        job, old = self._job, self._old
        kind: Carry = ""
        if old is not None and not self._fresh:
            kind = "extend" if job.extend else "retry-failed"
        return Manifest(
            inputs=self._listed.as_dict(),
            fingerprint=resolved,
            sources=job.sources,
            settings={
                "asked": fingerprint.normal(self._asked),
                "places": _places(job),
                "job": job.as_dict(),
            },
            generation=1 if old is None else old.generation + 1,
            carry=kind,
            replaces=None
            if old is None
            else generation.finished_file(self._paths, self._storage, fresh=self._fresh),
        )

    def _carried(self, manifest: Manifest, first: int) -> Iterator[Answer] | None:
        """Lines that an unfinished generation takes over from the one before."""
        if not manifest.carry or first == manifest.count:
            return None
        answers = carry.answers(
            self._storage, self._paths.results, start=first, expected=manifest.replaces
        )
        retry = manifest.carry == "retry-failed"
        return (answer for answer in answers if not (retry and answer.failed))


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
