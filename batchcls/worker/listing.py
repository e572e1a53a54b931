"""The other side of `backends.listing`: a confined process that lists containers.

Archives are written by anybody. What one makes of memory, processor time or a parser's stack ends
here, and not in the process that owns the results.

On its command line are its parent's number and two open files, for names and for places. It reads
requests, a line each, and answers each with a line.
"""

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import IO

from batchcls.errors import SourceError
from batchcls.images import Container
from batchcls.sources.containers.listed import Left
from batchcls.sources.containers.listing import records
from batchcls.sources.names import NOBODYS, name_filter
from batchcls.worker.sandbox import bound_memory, confine

MEMORY_MB = 512
BATCHES_MB = 4096
"""More for the batches of an Arrow file, which are read whole to be counted; at most its size."""
START_S = 60
BYTES_PER_S = 4 << 20
"""Of a container whose headers are next to one another; such a container lists slowest."""


def main() -> None:
    """Entry point of the process."""
    confine(int(sys.argv[1]))
    bound_memory(MEMORY_MB, MEMORY_MB + BATCHES_MB)
    bound, _ = resource.getrlimit(resource.RLIMIT_AS)
    names, places = (os.fdopen(int(number), "r+b") for number in sys.argv[2:4])
    filters = json.loads(sys.stdin.readline())
    is_image, excluded = name_filter(filters["names"]), name_filter((*NOBODYS, *filters["exclude"]))
    for line in sys.stdin:
        request = json.loads(line)
        container = Container(*request["container"])
        _bound_time(container.size)
        batches = container.size if container.kind == "arrow" else 0
        _bound_addresses(bound, min(batches, BATCHES_MB * 1_000_000))
        left = Left(is_image, excluded)
        try:
            count = _write(records(container, request["number"], left), names, places)
            answer = {"count": count, "left_out": left.notes.left_out, "why": left.why}
        except SourceError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _write(found: Iterator[tuple[bytes, bytes]], names: IO[bytes], places: IO[bytes]) -> int:
    """Write what was found from the beginning of both files; how many images that is."""
    for file in (names, places):
        file.seek(0)
        file.truncate()
    count = 0
    for name, place in found:
        names.write(name + b"\0")
        places.write(place)
        count += 1
    names.flush()
    places.flush()
    return count


def _bound_time(size: int) -> None:
    """Let the next container take no more processor time than it can need."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + START_S + size // BYTES_PER_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


def _bound_addresses(bound: int, more: int) -> None:
    """Let the next container take so much more memory than others."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if bound != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (min(bound + more, hard), hard))


if __name__ == "__main__":
    main()
