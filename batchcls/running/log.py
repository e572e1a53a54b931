"""The run's log file, for what nobody needs to see while all is well."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("batchcls")


@contextlib.contextmanager
def logging_to(path: Path, level: str) -> Iterator[None]:
    """Log to this file, from this level on, and nowhere else.

    Args:
        path: is made when there is something to say.
        level: of Python's logging, in any case.
    """
    # Names need not be UTF-8.
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(level.upper())
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
