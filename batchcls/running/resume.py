"""Carries out what `plan` decides about what lies under an output's name.

Rules of this file:

1. The lock is held by the caller all the while, so what was found once is still there.
2. Nothing is remembered between the steps but what they are given.
3. Before a worker has said what it made of the model, only what no result depends on is written:
   the list of a generation that does not exist yet.
"""

import contextlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from batchcls.backends.listing import ListingProcess
from batchcls.errors import BatchclsError, RefusedError
from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.job.shard import part_of, require_images
from batchcls.messages import Answer
from batchcls.results import carry, echoes, embeddings, generation, unchecked
from batchcls.results import manifest as manifests
from batchcls.results.disk_errors import guard
from batchcls.results.embeddings import Embeddings
from batchcls.results.journal import Journal
from batchcls.results.manifest import Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running import fingerprint, kept_rows, moved, rounding
from batchcls.running.known_lines import fits_of
from batchcls.running.listed_work import ImagesOf, ListedWork, images_of
from batchcls.running.plan import GoOn, NewGeneration, goes_on_from, when_listed
from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import InputsList, InputsReader


@dataclass(frozen=True, slots=True)
class Ready:
    """An output that lines can be written to.

    Attributes:
        work: the images that have no line yet.
        images: indices of all that the results have a line for in the end.
        images_of: images by their indices.
        embeddings: the file of their features, where it is wanted and not whole yet.
    """

    journal: Journal
    work: ListedWork
    images: range
    images_of: ImagesOf
    manifest: Manifest
    notes: tuple[str, ...] = ()
    embeddings: Embeddings | None = None

    def close(self) -> None:
        """Close the files; what was not committed is done again next time."""
        self.journal.close()
        if self.embeddings is not None:
            self.embeddings.close()
        self.work.close()


class Output:
    """The files of a job's output.

    Attributes:
        manifest: of the generation that was begun or resumed; None before that.
    """

    def __init__(self, job: Job, paths: RunPaths, storage: Storage) -> None:
        self.job = job
        self.storage = storage
        self.paths = paths
        self.manifest: Manifest | None = None
        self.open_lister = partial(ListingProcess, log=paths.log)

    def list_inputs(self, decided: GoOn | NewGeneration) -> InputsList:
        """List the sources, unless there is a frozen list that stays.

        Raises:
            SourceError: a source is missing, or holds no images.
            RefusedError: the frozen list was changed.
            StoppedError: the disk is full or fails.
        """
        job, paths, storage = self.job, self.paths, self.storage
        before = goes_on_from(decided)
        if before is None:
            generation.stage(paths, storage)
            listed = freeze(job, paths.next_inputs, open_lister=self.open_lister)
            require_images(job.shard, listed.count)
            return listed
        extends = isinstance(decided, NewGeneration) and decided.reason == "extend"
        listed = self.frozen(before, extends=extends)
        if extends:
            generation.stage(paths, storage, paths)
            return extend(listed, job, paths.next_inputs, open_lister=self.open_lister)
        return listed

    def frozen(self, before: Manifest, *, extends: bool) -> InputsList:
        """The list of a generation that goes on.

        Args:
            extends: it is to become longer.

        Raises:
            RefusedError: it was changed, or cannot become longer.
        """
        job = self.job
        manifests.require_inputs(self.storage, self.paths.inputs, before)
        listed = inputs_of(before)
        elsewhere, _ = moved.find(before, job)
        if elsewhere is not None and elsewhere.by_name and extends:
            raise RefusedError(
                f"{job.output} lists absolute paths, and the images have moved; add images "
                "where they were, or label the new ones into another `--output`"
            )
        if elsewhere is not None and not elsewhere.by_name:
            listed = replace(listed, root=elsewhere.place.root)
        return listed

    def require_same(
        self,
        before: Manifest,
        listed: InputsList,
        asked: Mapping[str, Any],
        description: Mapping[str, Any],
    ) -> None:
        """Refuse to go on with lines of a job that gives other answers.

        Raises:
            RefusedError: it does.
        """
        resolved = fingerprint.resolved(asked, description, listed.named)
        compared = fingerprint.resumable(before.fingerprint, resolved)
        manifests.require_same(before, compared, self.paths.results)
        if (known := echoes.recorded(before.settings)) and not self.job.mixed_processors:
            echoes.require_same(known[-1], echoes.heard(description), self.job.output)

    def images(self, listed: InputsList) -> range:
        """Indices of the images of a list that this job labels."""
        return part_of(self.job.shard, listed.count)

    def open(
        self,
        decided: GoOn | NewGeneration,
        listed: InputsList,
        asked: Mapping[str, Any],
        description: Mapping[str, Any],
    ) -> Ready:
        """Begin the results, or resume them, now that a worker told what it made of the model.

        Args:
            listed: by `list_inputs`.
            asked: by `fingerprint.asked`.
            description: the worker's.

        Raises:
            RefusedError: the results belong to a job that gives other answers, or are damaged.
            StoppedError: the disk is full or fails.
        """
        paths, storage = self.paths, self.storage
        resolved = fingerprint.resolved(asked, description, listed.named)
        if (before := goes_on_from(decided)) is not None:
            self.require_same(before, listed, asked, description)
        kept = kept_rows.required(self.job, paths, storage, listed, resolved, description)
        decided = when_listed(decided, listed.count)
        if isinstance(decided, NewGeneration):
            description = {**description, kept_rows.SETTING: kept}
            manifest = self._next_manifest(decided, listed, asked, resolved, description)
            embeddings.require_free(paths, storage, manifest, decided.before)
            generation.begin(paths, storage, manifest, fresh=decided.over)
        else:
            manifest = decided.manifest
        self.manifest = manifest
        with contextlib.ExitStack() as undo:
            reader = self.reader(manifest)
            undo.callback(reader.close)
            journal = Journal.open(
                paths, storage, len(manifest.lines), manifest.run, replaces=manifest.replaces,
                fits=fits_of(manifest, reader), first=manifest.lines.start,
            )  # fmt: skip
            undo.callback(journal.close)
            if (rows := embeddings.opened_for(paths, storage, manifest, journal)) is not None:
                undo.callback(rows.close)
            first, passes = journal.next, self.job.number_iter
            notes = rounding.note(storage, paths, manifest, echoes.heard(description, first))
            carried = self._carried(manifest, first)
            work = ListedWork(reader, manifest.lines, first, passes, carried)
            undo.pop_all()
        return Ready(journal, work, manifest.lines, self._images_of, manifest, notes, rows)

    def reader(self, manifest: Manifest) -> InputsReader:
        """Of a generation's list, wherever the images are by now."""
        elsewhere, _ = moved.find(manifest, self.job)
        folder = Folder(manifest.root) if elsewhere is None else elsewhere.place
        with guard(self.paths.inputs):
            return InputsReader(self.paths.inputs, folder, members=manifest.members)

    def _images_of(self, indices: Iterable[int]) -> dict[int, ImageRef]:
        """See `ImagesOf`; those of the list as it is by now."""
        if self.manifest is None:
            return {}
        return images_of(self.reader(self.manifest), self.manifest.lines, indices)

    def forget_prepared(self) -> None:
        """Remove a list that no generation was begun with; a disk that fails may keep it."""
        with contextlib.suppress(BatchclsError):
            generation.forget(self.paths, self.storage)

    def _next_manifest(
        self,
        decided: NewGeneration,
        listed: InputsList,
        asked: Mapping[str, Any],
        resolved: Mapping[str, Any],
        description: Mapping[str, Any],
    ) -> Manifest:
        job, before, replaces = self.job, decided.before, None
        if before is not None or decided.over:
            replaces = generation.finished_file(self.paths, self.storage, fresh=decided.over)
        carried = before.settings if before is not None and not decided.over else {}
        first = self.images(listed).start
        if before is not None and decided.reason == "extend":
            first = before.count
        heard = echoes.heard(description, first)
        return Manifest(
            inputs=listed.as_dict(),
            fingerprint=resolved,
            sources=job.sources,
            settings={
                "asked": fingerprint.normal(asked),
                **self.where(decided, listed),
                **({} if job.shard is None else {manifests.SHARD_KEY: job.shard}),
                "job": job.as_dict(),
                "labels": description.get("labels"),
                "hardware": description.get("hardware"),
                "agreement": description.get("agreement"),
                "warnings": description.get("warnings"),
                "guess": description.get("guess"),
                "fast": description.get("fast"),
                "backbone": description.get("backbone"),
                kept_rows.SETTING: description.get(kept_rows.SETTING),
                echoes.KEY: echoes.joined(carried, heard),
                **({unchecked.KEY: carried[unchecked.KEY]} if unchecked.KEY in carried else {}),
            },
            generation=1 if before is None else before.generation + 1,
            carry=decided.carry,
            replaces=replaces,
        )

    def moved_to(self, decided: GoOn | NewGeneration) -> str:
        """The folder that the images of an earlier list are in now, if it is another one."""
        before = goes_on_from(decided)
        elsewhere = None if before is None else moved.find(before, self.job)[0]
        if elsewhere is None:
            return ""
        folders = [new.rstrip("/") for _, new in elsewhere.place.moved]
        return ", ".join(folders or [elsewhere.place.root])

    def where(self, decided: NewGeneration, listed: InputsList) -> dict[str, Any]:
        """What the manifest holds about where the images are; see `moved`."""
        before, paths = decided.before, self.paths
        if before is not None and decided.carry == "retry-failed":
            elsewhere, _ = moved.find(before, self.job)
            if elsewhere is not None and elsewhere.by_name:
                return {key: before.settings[key] for key in ("places", "sizes")}
        staged = self.storage.stat(paths.next_inputs) is not None
        with guard(paths.inputs):
            sizes = moved.some_sizes(
                paths.next_inputs if staged else paths.inputs, Folder(listed.root)
            )
        return {"places": moved.places(self.job), "sizes": sizes}

    def _carried(self, manifest: Manifest, first: int) -> Generator[Answer, None, None] | None:
        """Lines that an unfinished generation takes over from the one before, or from features."""
        if self.job.embeddings is not None and first != manifest.lines.stop:
            return kept_rows.answers(self.job, self.paths, manifest, first)
        if not manifest.carry or first == manifest.lines.stop:
            return None
        answers = carry.answers(
            self.storage, self.paths.results,
            start=first, expected=manifest.replaces, first=manifest.lines.start,
        )  # fmt: skip
        retry = manifest.carry == "retry-failed"
        return (answer for answer in answers if not (retry and answer.failed))


def inputs_of(manifest: Manifest) -> InputsList:
    """The list that a manifest holds."""
    inputs = dict(manifest.inputs)
    inputs["skipped"] = tuple(inputs.get("skipped", ()))
    return InputsList(**inputs)
