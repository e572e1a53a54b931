"""Whether the first frame of a GIF is all there, by its codes: for files whose blocks are not.

Only the lengths of what codes stand for are followed, not the pixels: it counts them, and finds the
code that ends them, which every encoder writes.
"""

LARGEST = 12
"""Bits of a code, at most."""


def end_of_pixels(data: bytes, at: int, pixels: int) -> int | None:
    """Where the sub-block ends that holds the last code of a picture.

    Args:
        data: a GIF file.
        at: where the picture's data begin: the size of the first codes, then sub-blocks.
        pixels: how many it must have, at least.

    Returns:
        None where the codes do not come to so many pixels and an end.
    """
    if at >= len(data) or not 1 <= data[at] < LARGEST:
        return None
    codes = _Codes(data[at])
    at += 1
    while at < len(data) and (size := data[at]):
        if codes.take(data[at + 1 : at + 1 + size]):
            return min(at + 1 + size, len(data)) if codes.pixels >= pixels else None
        at += 1 + size
    return None


class _Codes:
    """The codes so far.

    Attributes:
        pixels: that they stand for.
    """

    def __init__(self, bits: int) -> None:
        self.pixels = 0
        self._clear = 1 << bits
        self._bits = bits
        self._waiting = self._count = 0
        self._reset()

    def _reset(self) -> None:
        self._lengths = [1] * self._clear + [0, 0]
        self._width = self._bits + 1
        self._last = 0

    def take(self, block: bytes) -> bool:
        """Follow the codes of the next sub-block; whether they came to the end, or to nonsense."""
        for byte in block:
            self._waiting |= byte << self._count
            self._count += 8
            while self._count >= self._width:
                code = self._waiting & ((1 << self._width) - 1)
                self._waiting >>= self._width
                self._count -= self._width
                if code == self._clear:
                    self._reset()
                elif code == self._clear + 1:
                    return True
                elif not self._code(code):
                    self.pixels = -1
                    return True
        return False

    def _code(self, code: int) -> bool:
        """One code of pixels; False if none can be meant."""
        lengths = self._lengths
        if code > len(lengths) - (not self._last):
            return False
        full = len(lengths) == 1 << LARGEST
        if self._last and not full:
            lengths.append(self._last + 1)
            if len(lengths) == 1 << self._width and self._width < LARGEST:
                self._width += 1
        if code >= len(lengths):
            return False
        self._last = lengths[code]
        self.pixels += self._last
        return True
