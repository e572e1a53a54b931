"""``batchcls evaluate``: how right are these results?"""

from typing import Annotated

import typer

from batchcls.cli.arguments import AsJson, Debug, Results
from batchcls.cli.terminal import print_json, print_result
from batchcls.job.job import DEFAULT_OUTPUT

_TRUTH = "CSV: file,index,label or file,label. Default: the name of an image's folder."
_OFFSET = "Result index minus truth index; default: found out by comparing labels."


def evaluate(
    results: Results = DEFAULT_OUTPUT,
    truth: Annotated[str | None, typer.Option(metavar="FILE", help=_TRUTH)] = None,
    offset: Annotated[int | None, typer.Option(metavar="N", help=_OFFSET)] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Say how right results are: top-1, top-5, by class, confusions, calibration."""
    from batchcls.report import reading, text
    from batchcls.report.truth import FolderTruths, read

    path, complete = reading.results_file(results)
    truths = read(truth) if truth else FolderTruths()
    found = reading.evaluate(path, truths, offset)
    if as_json:
        print_json({"results": str(path), "complete": complete, **found.as_dict()})
    else:
        print_result(text.lines(found, complete=complete))
        if truths.unused:
            print_result(f"\n{truths.unused:,} images of the truth are not in the results.")
    return 0
