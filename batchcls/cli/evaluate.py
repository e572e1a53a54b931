"""``batchcls evaluate``: how right are these results?"""

from typing import Annotated

import typer

from batchcls.cli.arguments import AsJson, Debug, Results
from batchcls.cli.terminal import print_json, print_result
from batchcls.display.text import counted
from batchcls.errors import UsageError
from batchcls.job.job import DEFAULT_OUTPUT

Truth = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="CSV of the true classes (file,index,label or file,label), or corrections.jsonl of "
        "`batchcls review`. Default: the names of the "
        "images' folders, or `.cls` and `.json` in WebDataset shards.",
    ),
]
Offset = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Result index minus truth index. Default: found by comparing labels."
    ),
]

Against = Annotated[
    str | None,
    typer.Option(
        metavar="RESULTS",
        help="Compare with other results of the same images instead: how many have the same best "
        "class, and which do not.",
    ),
]


def evaluate(
    results: Results = DEFAULT_OUTPUT,
    truth: Truth = None,
    offset: Offset = None,
    against: Against = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Count how many answers are right: top-1, top-5, by class."""
    if against is not None:
        if truth is not None or offset is not None:
            raise UsageError("--against compares two results; leave `--truth` and `--offset` out")
        return _compare(results, against, as_json=as_json)
    from batchcls.backends.listing import ListingProcess
    from batchcls.report import reading, text
    from batchcls.report.corrected import read_truth
    from batchcls.report.lines import ResultsFile
    from batchcls.report.siblings import SiblingTruths

    file = ResultsFile.find(results)
    truths = (
        read_truth(truth) if truth else SiblingTruths(reading.root_of(file.path), ListingProcess)
    )
    found = reading.evaluate(file, truths, offset)
    if as_json:
        print_json({"results": str(file.path), "complete": file.complete, **found.as_dict()})
    else:
        print_result(text.lines(found, complete=file.complete))
        if truths.unused:
            print_result(
                f"\n{counted(truths.unused, 'image', 'images')} of the truth not in the results"
            )
    return 0


def _compare(results: str, other: str, *, as_json: bool) -> int:
    from batchcls.report import against
    from batchcls.report.rows import Results as Rows

    mine, theirs = Rows.find(results), Rows.find(other)
    complete = mine.complete and theirs.complete
    found = against.compare(mine.rows(), theirs.rows(), complete=complete)
    if as_json:
        both = {"results": str(mine.path), "against": str(theirs.path), "complete": complete}
        print_json({**both, **found.as_dict()})
    else:
        print_result(against.lines(found, complete=complete))
    return 0
