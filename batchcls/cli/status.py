"""``batchcls status``: how far a run is, in a few lines."""

import sys

from batchcls.cli.arguments import Debug, Results
from batchcls.job.job import DEFAULT_OUTPUT


def status(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> int:
    """Say how far a run is: running, stopped or complete."""
    from batchcls.display.summary.watch import status as print_status

    return print_status(results, sys.stdout)
