"""``batchcls evaluate``: how right are these results?"""

from typing import Annotated

import typer

from batchcls.cli.arguments import AsJson, Debug, Results
from batchcls.cli.terminal import print_json, print_result
from batchcls.display.text import counted
from batchcls.job.job import DEFAULT_OUTPUT

Truth = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="CSV of the true classes: file,index,label or file,label. Default: the names of the "
        "images' folders, or `.cls` and `.json` in WebDataset shards.",
    ),
]
Offset = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Result index minus truth index. Default: found by comparing labels."
    ),
]


def evaluate(
    results: Results = DEFAULT_OUTPUT,
    truth: Truth = None,
    offset: Offset = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Count how many answers are right: top-1, top-5, by class."""
    from batchcls.report import reading, text
    from batchcls.report.siblings import SiblingTruths
    from batchcls.report.truth import read

    path, complete = reading.results_file(results)
    truths = read(truth) if truth else SiblingTruths(reading.root_of(path))
    found = reading.evaluate(path, truths, offset)
    if as_json:
        print_json({"results": str(path), "complete": complete, **found.as_dict()})
    else:
        print_result(text.lines(found, complete=complete))
        if truths.unused:
            print_result(
                f"\n{counted(truths.unused, 'image', 'images')} of the truth not in the results"
            )
    return 0
