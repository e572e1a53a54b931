"""Draws the canary: an image file so plain that a worker which it kills is itself at fault.

1. The bytes are made here from the standard library, so no disk, mount or decoder is involved.
2. The same bytes every time on every machine.
"""

from functools import cache

from batchcls.model.builtin.stored_png import RGB, stored_png

SIDE = 64


@cache
def canary_image() -> bytes:
    """A valid PNG file, 64 x 64, 8-bit RGB: a colour ramp with a checked square in its middle."""
    rows = b"".join(b"\x00" + b"".join(_pixel(x, y) for x in range(SIDE)) for y in range(SIDE))
    return stored_png((SIDE, SIDE), 8, RGB, rows)


def _pixel(x: int, y: int) -> bytes:
    middle = range(SIDE // 4, SIDE - SIDE // 4)
    if x in middle and y in middle:
        return b"\xf0\xf0\xf0" if (x // 8 + y // 8) % 2 else b"\x18\x18\x18"
    return bytes((40 + 3 * x, 40 + 3 * y, 160))
