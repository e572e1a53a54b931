"""Imports OpenCV, and says what to do where it cannot be imported."""

import re
from functools import cache
from types import ModuleType

from batchcls.errors import SetupError
from batchcls.version import OPENCV

_LIBRARY = re.compile(r"\b(lib[\w.+-]+\.so[\w.]*)")


def load() -> ModuleType:
    """The cv2 module; a worker calls this first, after `limits.apply`.

    Raises:
        SetupError: it cannot be imported, with the way out.
    """
    try:
        import cv2
    except ImportError as error:
        raise SetupError(explain(error)) from error
    return cv2


@cache
def has_avif() -> bool:
    """Whether this build of OpenCV decodes AVIF."""
    return re.search(r"AVIF: +(?!NO)", load().getBuildInformation()) is not None


def explain(error: ImportError) -> str:
    """Why OpenCV cannot be imported, and what helps."""
    library = _LIBRARY.search(str(error))
    if library is None:
        return f"OpenCV cannot be imported: {error}; run `pip install '{OPENCV}'`"
    return (
        f"OpenCV cannot be imported, because this machine lacks the system library {library[1]} "
        f"({error})\n"
        "hint: install its Debian package (for libGL.so.1: `apt-get install libgl1`), or use the "
        "build of OpenCV that needs no display libraries: "
        "`pip uninstall --yes opencv-python && pip install opencv-python-headless`"
    )
