"""``batchcls watch``: the dashboard of a run that another terminal started."""

import sys

from batchcls.cli.arguments import Debug, Results
from batchcls.job.job import DEFAULT_OUTPUT


def watch(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> int:
    """Show the dashboard of a run that another terminal started."""
    from batchcls.display.summary.watch import watch as show

    return show(results, sys.stdout)
