"""Keeps the memory of one large picture for the next one, instead of giving it back in between.

glibc asks the system for each block of more than 32 MiB, and gives it back when it is freed; a
picture of 12 megapixels is 36 MB. The system hands memory out page by page, each zeroed at its
first use: a third of the time that such a picture takes to decode (measured: 66 ms and 45 ms).
"""

import ctypes
from functools import cache

LARGE = 2_000_000
"""Pixels from which a picture is large enough to be worth it."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of malloc.h
KEPT = 64 << 20
"""Bytes: larger blocks still go back at once, so that one giant does not fill memory for good."""


@cache
def keep() -> bool:
    """Tell malloc so, once in a process; False where it is not glibc's.

    Not before there is a large picture: blocks that are freed while a model is loaded would be
    kept as well.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, KEPT) and mallopt(TRIM_THRESHOLD, 2 * KEPT))
