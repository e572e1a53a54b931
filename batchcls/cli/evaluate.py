"""``batchcls evaluate``: how right are these results?"""

from batchcls.cli.terminal import say, say_json
from batchcls.report import reading, text, truth


def evaluate(results: str, truth_file: str | None, offset: int | None, *, as_json: bool) -> int:
    """Compare a results file with a truth file, or with the folders' names, and print it.

    Raises:
        BatchclsError: the results or the truth cannot be used.
    """
    path, complete = reading.results_file(results)
    truths = truth.read(truth_file) if truth_file else truth.FolderTruths()
    found = reading.evaluate(path, truths, offset)
    if as_json:
        say_json({"results": str(path), "complete": complete, **found.as_dict()})
    else:
        say(text.lines(found, complete=complete))
        if truths.unused:
            say(f"\n{truths.unused:,} images of the truth are not in the results.")
    return 0
