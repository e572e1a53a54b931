"""Looks at examples by a run that keeps features: its workers decode them, and may die of one."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batchcls.display.text import counted, safe
from batchcls.errors import ImageError, InterruptedByUser, ModelError
from batchcls.images import Folder, ImageRef, far, folder_of
from batchcls.job.choices import EMBEDDING
from batchcls.job.job import Job
from batchcls.model.similar import rows_of
from batchcls.report.lines import ResultsFile
from batchcls.results import manifest as manifests
from batchcls.results.record import ParsedRecord
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.sources.ahead import Ahead
from batchcls.sources.containers.kinds import kind_of
from batchcls.sources.duplicates import normal
from batchcls.teach.examples import Example

Run = Callable[[Job], object]
"""Carries out a job to its end; see `batchcls.running.run.run`."""

SHOWN = 5
"""Of images that are left out; there may be thousands."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Examples that can be used, in an order that only they decide.

    Attributes:
        features: (examples, features) float16.
        labels: of each.
        hashes: SHA-256 of each one's bytes.
        files: a few of them, by their place, to try the taught model on.
        guess: which preprocessing was chosen, where nothing says it; "" = none.
    """

    features: NDArray[np.float16]
    labels: tuple[str, ...]
    hashes: tuple[str, ...]
    files: Mapping[int, bytes]
    guess: str = ""


def look(
    job: Job, examples: Sequence[Example], folder: Path, run: Run, tell: Callable[[str], None]
) -> Seen:
    """The features of all examples; each picture counts once.

    What a person said of a picture in a review counts; else a picture of two classes has none.

    Args:
        job: the model, its preprocessing and devices.
        examples: with their classes.
        folder: takes what the run writes, and examples that are no files.
        run: see `Run`.
        tell: is told what is left out.

    Raises:
        OSError: the folder's disk is full or fails.
        ModelError: features are no numbers of 16 bits.
        BatchclsError: the model is wrong, or the run was stopped.
    """
    ordered = sorted(examples, key=lambda one: not one.corrected)  # what people said first
    pile, files = _Pile(), _Files(folder, Ahead(one.image for one in ordered))
    placed = []
    for example in ordered:
        try:
            placed.append((files.of(example.image), example))
        except ImageError as error:
            pile.leave_out(example, str(error))
    tell(f"looking at {counted(len(placed), 'image', 'images')}")
    wanted = replace(job, with_facts=("sha256", EMBEDDING))
    paths = RunPaths.of(folder / "examples.jsonl")
    lines = labelled(wanted, list(dict.fromkeys(file for file, _ in placed)), paths, run)
    for file, example in placed:
        pile.add(example, lines[file], file)
    pile.leave_out_torn()
    for failure in pile.failures[:SHOWN]:
        tell(f"left out: {failure}")
    if (more := len(pile.failures) - SHOWN) > 0:
        tell(f"left out: {counted(more, 'more image', 'more images')}")
    kept = pile.kept
    order = sorted(kept, key=lambda digest: (kept[digest].label, digest))
    manifest = manifests.load(PosixStorage(), paths.manifest)
    guess = None if manifest is None else manifest.settings.get("guess")
    rows = rows_of(paths.embeddings) if order else np.empty((0, 0), np.float16)
    features = np.array(rows[[pile.rows[digest] for digest in order]])
    if (np.abs(features) == np.finfo(np.float16).max).any():  # the run cuts them off there
        raise ModelError("the model's features go beyond numbers of 16 bits; choose another model")
    return Seen(
        features,
        tuple(kept[digest].label for digest in order),
        tuple(order),
        {place: pile.files[order[place]] for place in range(0, len(order), _step(len(order)))},
        guess["name"] if guess else "",
    )


def labelled(
    job: Job, files: Sequence[bytes], paths: RunPaths, run: Run
) -> Mapping[bytes, ParsedRecord]:
    """The record of each file, by its path.

    Raises:
        OSError: the list cannot be written.
        BatchclsError: the job is wrong, or was stopped.
    """
    if not files:
        return {}
    listed = paths.results.with_suffix(".list")
    listed.write_bytes(b"".join(file + b"\0" for file in files))
    job = replace(
        job, sources=(f"@{listed}",), null_separated=True, output=str(paths.results),
        progress=_progress(),
    )  # fmt: skip
    try:
        # The summary is of a run that nobody has asked for.
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123 - no path
            run(job)
    except InterruptedByUser as stop:
        raise InterruptedByUser("stopped; nothing was written", stop.signal_number) from stop
    records = ResultsFile.find(str(paths.results)).records()
    return {normal(os.fsencode(record.path), b""): record for record in records}


def _progress() -> str:
    """A bar for who waits at a terminal: other displays tell of a run's files."""
    return "bar" if sys.stderr is not None and sys.stderr.isatty() else "none"


def _step(count: int) -> int:
    """Between examples on which the taught model is tried."""
    return max(1, -(-count // SHOWN))


@dataclass(slots=True)
class _Files:
    """Where each example is a file, since members of containers cannot be listed one by one."""

    folder: Path
    source: Ahead
    _written: dict[ImageRef, bytes] = field(default_factory=dict)

    def of(self, image: ImageRef) -> bytes:
        """The file that an example is, or that it is written to.

        Raises:
            ImageError: it cannot be read.
            OSError: the file cannot be written.
        """
        path = os.fsencode(folder_of(image.place).path(image.path))
        if isinstance(image.place, Folder) and not far(image) and kind_of(path) is None:
            return normal(path, os.fsencode(Path.cwd()))
        same = image._replace(index=0)
        if same not in self._written:
            data = self.source.read(image)
            file = self.folder / f"{len(self._written)}.member"
            file.write_bytes(data)
            self._written[same] = os.fsencode(file.absolute())
        return self._written[same]


@dataclass(slots=True)
class _Pile:
    """Examples by the hash of their bytes.

    Attributes:
        kept: those that can be used.
        rows: where their features are.
        files: where they are.
        torn: classes of pictures that are said to be of several.
        failures: what is left out, and why.
    """

    kept: dict[str, Example] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    torn: dict[str, set[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, example: Example, record: ParsedRecord, file: bytes) -> None:
        """What the run says of an example; what people said comes first."""
        if record.failure is not None:
            self.leave_out(example, record.failure.message)
            return
        digest = str(record.extra["sha256"])
        if digest not in self.kept:
            self.kept[digest], self.rows[digest], self.files[digest] = example, record.index, file
            return
        before = self.kept[digest]
        if before.label != example.label and before.corrected == example.corrected:
            self.torn.setdefault(digest, {before.label}).add(example.label)

    def leave_out(self, example: Example, why: str) -> None:
        """An example that is of no use."""
        self.failures.append(f"{safe(example.image.path)}: {why}")

    def leave_out_torn(self) -> None:
        """Leave out pictures that are said to be of several classes."""
        for digest, labels in self.torn.items():
            example, classes = self.kept.pop(digest), ", ".join(map(safe, sorted(labels)))
            self.leave_out(example, f"the same picture is in {classes}")
