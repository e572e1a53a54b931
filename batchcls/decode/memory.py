"""Keeps the memory of the last pictures for the next ones, instead of giving it back in between.

Left alone, glibc gives the end of its heap back as soon as a few model inputs are freed together,
and asks the system for each block of more than 32 MiB, and gives it back when it is freed; a
picture of 12 megapixels is 36 MB. The system hands memory out page by page, each zeroed at its
first use: a third of the time that a large picture takes to decode (measured: 66 ms and 45 ms), and
0.1 ms for each model input of 224 by 224.
"""

import ctypes
from functools import cache

LARGE = 1_000_000
"""Pixels from which a picture is large enough to be worth it, where many are."""
OFTEN = 0.1
"""Share of large pictures from which on there are many."""
ONE = 0.02
"""What one picture counts for in that share."""

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of malloc.h
KEPT = 3 * LARGE
KEPT_WHERE_LARGE = 64 << 20
"""Bytes: larger blocks still go back at once, so that one giant does not fill memory for good."""


class Pictures:
    """Watches the sizes of pictures, and keeps the memory of large ones once they are many.

    Of a few among small ones it is not kept: every worker would hold it for good.
    """

    def __init__(self) -> None:
        self._large = 0.0

    def seen(self, pixels: int) -> None:
        """A picture of so many pixels is decoded next."""
        self._large += ((pixels >= LARGE) - self._large) * ONE
        if self._large >= OFTEN:
            keep(KEPT_WHERE_LARGE)


@cache
def keep(size: int = KEPT) -> bool:
    """Tell malloc so, once in a process; False where it is not glibc's.

    Not while a model is loaded, whose blocks would be kept as well.

    Args:
        size: bytes of the largest block that is kept; twice as many are, in all.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, size) and mallopt(TRIM_THRESHOLD, 2 * size))
