"""Reads a results file line by line, complete or still being written, for reports."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from batchcls.errors import RefusedError, UsageError
from batchcls.report.evaluate import Evaluation, Tally
from batchcls.report.matching import find_matching
from batchcls.report.truth import Truths
from batchcls.results.record import ParsedRecord, RecordError, parse

PROBED = 20_000
"""Records from which to learn how to compare truth and results."""


def results_file(path: str) -> tuple[Path, bool]:
    """The results file that `path` means, and whether it is complete.

    Raises:
        UsageError: there is none.
    """
    results = Path(path)
    part = Path(path + ".part")
    if results.is_file():
        return results, results.suffix != ".part"
    if part.is_file():
        return part, False
    raise UsageError(f"no results at {path}; name the results file of a run")


def records(path: Path) -> Iterator[ParsedRecord]:
    """The records of a results file, without a last line that is not whole yet.

    Raises:
        RefusedError: a line is no record.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                yield _parse(path, number, line[:-1])


def _parse(path: Path, number: int, line: bytes) -> ParsedRecord:
    try:
        return parse(line)
    except RecordError as error:
        raise RefusedError(
            f"{path}, line {number}: {error}; `batchcls verify` says more"
        ) from error


def evaluate(path: Path, truths: Truths, offset: int | None = None) -> Evaluation:
    """Compare a results file with the truth.

    Args:
        path: the results.
        truths: what the images show.
        offset: result index minus truth index, where the user knows it.

    Raises:
        RefusedError: a line is no record.
        UsageError: no image has a known class.
    """
    known = (
        (truth, record.top)
        for record in islice(records(path), PROBED)
        if record.top and (truth := truths.of(record.path)) is not None
    )
    tally = Tally(find_matching(known, offset))
    for record in records(path):
        tally.add(record, truths.of(record.path))
    evaluation = tally.evaluation()
    if not evaluation.counted:
        raise UsageError(
            f"{path}: no image has a known class; name a truth file with `--truth FILE`, or keep "
            "images in folders named after their classes"
        )
    return evaluation
