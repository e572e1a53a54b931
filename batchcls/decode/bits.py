"""Reads a coded picture's header bit by bit."""

from batchcls.decode.header import corrupt

MAX_ZEROS = 32


class Bits:
    """Bits of a header, the highest first.

    Args:
        data: the header.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        """The next so many bits as a number.

        Raises:
            ImageError: corrupt: there are fewer.
        """
        first, self._at = self._at, self._at + count
        if self._at > 8 * len(self._data):
            raise corrupt("a decoder's header that ends early")
        block = self._data[first // 8 : (self._at + 7) // 8]
        return int.from_bytes(block, "big") >> -self._at % 8 & (1 << count) - 1

    def golomb(self) -> int:
        """An exponential-Golomb number, as AV1 and HEVC both have them."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > MAX_ZEROS:
                raise corrupt("a number without end in a decoder's header")
        return (1 << zeros) - 1 + self.take(zeros)
