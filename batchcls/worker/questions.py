"""The other side of `backends.question`: a confined process that answers one request and ends."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from batchcls.errors import BatchclsError
from batchcls.worker.sandbox import confine


def answer(find: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Read the request, answer it, end; the number of the parent is on the command line.

    Args:
        find: from request to answer, both JSON data; what it raises of ours is the answer too.
    """
    from batchcls.decode.limits import apply as apply_decoder_limits

    apply_decoder_limits()
    confine(int(sys.argv[1]))
    # What native libraries print must not come between.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        found = find(json.load(sys.stdin))
    except BatchclsError as error:
        found = {"error": type(error).__name__, "message": str(error)}
    answers.write(json.dumps(found))
    answers.flush()
    os._exit(0)  # native runtimes tear down slowly
