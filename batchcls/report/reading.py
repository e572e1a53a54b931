"""Compares a results file with the truth, and finds what a run noted beside it."""

from contextlib import suppress
from itertools import islice
from pathlib import Path

from batchcls.errors import BatchclsError, UsageError
from batchcls.report.classes import Classes
from batchcls.report.evaluate import Evaluation, Tally
from batchcls.report.lines import ResultsFile
from batchcls.report.matching import Matching, find_matching
from batchcls.report.truth import Truths
from batchcls.results.manifest import Manifest, load
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage

PROBED = 20_000
"""Records from which to learn how to compare truth and results."""


def evaluate(results: ResultsFile, truths: Truths, offset: int | None = None) -> Evaluation:
    """Compare a results file with the truth.

    Args:
        offset: result index minus truth index, where the user knows it.

    Raises:
        RefusedError: a line is no record.
        UsageError: no image has a known class, or what is known cannot be compared.
    """
    tally = Tally(matching_of(results, truths, offset))
    for record in results.records():
        tally.add(record, truths.of(record.path, record.index))
    evaluation = tally.evaluation()
    require_counted(evaluation, results.path, truths)
    return evaluation


def require_counted(
    evaluation: Evaluation, path: Path, truths: Truths, *, filtered: bool = False
) -> None:
    """See that an evaluation is of any image.

    Args:
        path: of the results, for the message.
        filtered: some images were left out.

    Raises:
        UsageError: it is of none.
    """
    if evaluation.counted:
        return
    if filtered:
        raise UsageError(f"{path}: no image that `--where` lets through has a known class")
    if truths.unused:
        raise UsageError(
            f"{path}: no row of the truth is about an image in the results; write paths in it as "
            "they stand there"
        )
    raise UsageError(
        f"{path}: no image has a known class; name a truth file with `--truth FILE`, or keep "
        "images in folders named after their classes"
    )


def matching_of(results: ResultsFile, truths: Truths, offset: int | None = None) -> Matching:
    """How a results file is compared with the truth; see `evaluate`.

    Raises:
        RefusedError: a line is no record.
        UsageError: what is known cannot be compared.
    """
    known = (
        (truth, record.top)
        for record in islice(results.records(), PROBED)
        if (truth := truths.of(record.path, record.index)) is not None
    )
    matching = find_matching(known, classes_of(results), offset)
    if matching.doubt:
        raise UsageError(f"{results.path} cannot be compared with the truth: {matching.doubt}")
    return matching


def classes_of(results: ResultsFile) -> Classes:
    """The classes of the model that made these results.

    All of them as the run noted them, where the results still lie beside it and say the same; else
    those that occur in the results.

    Raises:
        RefusedError: a line is no record.
    """
    noted = noted_labels(results.path)
    seen: dict[int, str] = {}
    for record in islice(results.records(), PROBED if noted else None):
        seen.update((p.index, p.label) for p in record.top)
    if noted and seen.items() <= dict(enumerate(noted)).items():
        return Classes.of(noted)
    return Classes(seen, complete=False)


def root_of(path: Path) -> str:
    """What the paths in a results file lead from; the current directory where nothing says so."""
    manifest = manifest_of(path)
    return manifest.root if manifest else ""


def manifest_of(path: Path) -> Manifest | None:
    """The manifest of a results file; None where it is not there, or not readable."""
    with suppress(BatchclsError):
        return load(PosixStorage(), RunPaths.find(str(path)).manifest)
    return None


def noted_labels(path: Path) -> tuple[str, ...]:
    """The labels in the manifest; none where it is not there, not readable or older than they."""
    if (manifest := manifest_of(path)) is not None:
        noted = manifest.settings.get("labels")
        names = noted.get("names") if isinstance(noted, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    return ()
