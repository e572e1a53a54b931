"""``batchcls report``: a page about a run, in one file."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batchcls.cli.arguments import Debug, Results, Where, check_at_least
from batchcls.cli.terminal import print_note
from batchcls.errors import UsageError
from batchcls.job.job import DEFAULT_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from batchcls.report.truth import Truths
    from batchcls.results.record import ParsedRecord

FOLDERS = "folders"

Output = Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")]
KnownTruth = Annotated[
    str | None,
    typer.Option(
        "--truth",
        metavar="FILE",
        help="Classes of the images, as for `evaluate`; `folders` takes the names of their "
        "folders. Adds how right the answers are.",
    ),
]
Images = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Where the images are now. Default: where they were."),
]
Corrected = Annotated[
    bool,
    typer.Option("--corrected", help="For --where: labels as `batchcls review` corrected them."),
]
Pictures = Annotated[int, typer.Option(metavar="N", help="Pictures to show, about; 2,000 at most.")]


def report(
    results: Results = DEFAULT_OUTPUT,
    output: Output = "report.html",
    truth: KnownTruth = None,
    images: Images = None,
    where: Where = None,
    corrected: Corrected = False,
    pictures: Pictures = 600,
    debug: Debug = False,
) -> int:
    """Write a page about a run: counts, failures, pictures.

    One file that needs nothing else and no network. Of a run that is not complete it shows what
    there is so far.
    """
    check_at_least("--pictures", pictures, 0)
    from batchcls.backends.thumbnails import ThumbnailProcess
    from batchcls.report.build import MOST_PICTURES, Request, build, require_free, write

    if corrected and where is None:
        raise UsageError("`--corrected` is about `--where`; name which images with it")
    test = None if where is None else passes(results, where, corrected=corrected)
    require_free(Path(output))
    request = Request(
        results,
        truths_of(results, truth),
        images,
        min(pictures, MOST_PICTURES),
        test,
        where or "",
    )
    with contextlib.closing(ThumbnailProcess()) as make:
        text = build(request, make, print_note)
    write(text, Path(output))
    print_note(f"wrote {output} ({len(text) / 1e6:.1f} MB); open it in a browser")
    return 0


def passes(results: str, where: str, *, corrected: bool) -> "Callable[[ParsedRecord], bool]":
    """The test of a record that `--where` means.

    Args:
        corrected: what people corrected counts.

    Raises:
        UsageError: the expression means nothing, or there are no corrections.
    """
    from batchcls.report import corrections
    from batchcls.report import where as wheres
    from batchcls.report.lines import results_file
    from batchcls.report.rows import Row, corrected_label

    test = wheres.parse(where, corrections=corrected)
    path = results_file(results)[0]
    said = corrections.said_of(path) if corrected else {}
    return lambda record: test(Row(record, corrected_label(said, record, path)))


def truths_of(results: str, truth: str | None) -> "Truths | None":
    """What the images show, as the command line says; None where it does not say."""
    if truth is None:
        return None
    from batchcls.backends.listing import ListingProcess
    from batchcls.report.corrected import read_truth
    from batchcls.report.lines import results_file
    from batchcls.report.reading import root_of
    from batchcls.report.siblings import SiblingTruths

    if truth != FOLDERS:
        return read_truth(truth)
    return SiblingTruths(root_of(results_file(results)[0]), ListingProcess)
