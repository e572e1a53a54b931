"""What OpenCV's TIFF decoder complains of, which it says in its log alone.

A strip that cannot be undone is left black, and the picture comes out as if nothing were wrong.
There is no way to be told but the log, and the log goes to descriptor 2. So that is a file of
memory while such a picture is decoded, one picture at a time; what others write there meanwhile is
handed on.
"""

import os
import re
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STANDARD_ERROR = 2
_LOCK = threading.Lock()
_COMPLAINT = re.compile(
    rb"TIFF_Error (.+)$"
    rb"|TIFF_Warning (.*(?:premature|not enough data|unexpected end|read error).*)$",
    re.IGNORECASE,
)
"""Some warnings are as bad as an error: a decoder that ran out of data makes up the rest."""
_OPENCV = re.compile(rb"^\[ *(?:ERROR|WARN)|^>|^    ")
"""OpenCV's own lines, and what continues them, which are not wanted on standard error either."""


def complaints(work: Callable[[], T]) -> tuple[T, list[str]]:
    """What a piece of work returns, and what libtiff complained of meanwhile."""
    import cv2

    logging = cv2.utils.logging
    with _LOCK:
        memory = os.memfd_create("opencv-log")
        terminal = os.dup(STANDARD_ERROR)
        level = logging.setLogLevel(logging.LOG_LEVEL_WARNING)
        os.dup2(memory, STANDARD_ERROR)
        try:
            result = work()
        finally:
            os.dup2(terminal, STANDARD_ERROR)
            logging.setLogLevel(level)
            text = os.pread(memory, 1 << 16, 0)
            os.close(memory)
            found = _sorted_out(text, terminal)
            os.close(terminal)
    return result, found


def _sorted_out(text: bytes, terminal: int) -> list[str]:
    found = []
    for line in text.splitlines():
        if said := _COMPLAINT.search(line):
            found.append((said[1] or said[2]).decode(errors="replace").strip())
        elif line and not _OPENCV.match(line):
            os.write(terminal, line + b"\n")
    return found
