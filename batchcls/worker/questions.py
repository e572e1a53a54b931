"""The other side of `backends.question`: a confined process that answers one request and ends.

On its command line are the number of its parent and the module whose `find` answers.
"""

import json
import os
import sys
from importlib import import_module

from batchcls.errors import BatchclsError
from batchcls.worker.sandbox import confine


def main() -> None:
    """Entry point of the process: a request on standard input, an answer on standard output."""
    from batchcls.decode.limits import apply as apply_decoder_limits

    apply_decoder_limits()
    confine(int(sys.argv[1]))
    # What native libraries print must not come between.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        found = import_module(sys.argv[2]).find(json.load(sys.stdin))
    except BatchclsError as error:
        found = {"error": type(error).__name__, "message": str(error)}
    answers.write(json.dumps(found))
    answers.flush()
    os._exit(0)  # native runtimes tear down slowly


if __name__ == "__main__":
    main()
