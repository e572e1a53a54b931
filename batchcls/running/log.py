"""The run's log file, for what nobody needs to see while all is well."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("batchcls")


class _LogFile(logging.FileHandler):
    """A log that stands in nobody's way: what cannot be written is left out."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # it is opened with the first record
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def logging_to(path: Path, level: str) -> Iterator[None]:
    """Log to this file, from this level on, and nowhere else.

    Args:
        path: is made when there is something to say.
        level: of Python's logging, in any case.
    """
    # Names need not be UTF-8.
    handler = _LogFile(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(level.upper())
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
