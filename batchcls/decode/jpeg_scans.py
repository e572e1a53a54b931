"""What a JPEG's scans bring of its picture: which components, and of them which bits."""

from collections.abc import Mapping, Sequence

from batchcls.decode.header import corrupt
from batchcls.errors import ImageError

MAX_SCANS = 200
"""Each scan of a progressive picture goes over all of it; encoders write about ten."""

COEFFICIENTS = 64
ABSENT = 99
"""As the lowest bit that has come of a coefficient."""


class Scans:
    """The scans that have begun.

    Attributes:
        count: how many.
        missing: components of which no scan has brought the base: all of it, or the last bit of
            their mean.
        data_at: where the data of the last one begin.
        interval: units between two restart markers; 0 = there are none.
        restarts: markers in the last one's data.
    """

    def __init__(self) -> None:
        self.count = 0
        self.missing: set[int] = set()
        self.data_at = 0
        self.interval = 0
        self.restarts = 0
        self._size = (0, 0)
        self._sampling: Mapping[int, tuple[int, int]] = {}
        self._progressive = False
        self._lowest_bit: dict[int, list[int]] = {}

    def picture(
        self,
        size: tuple[int, int],
        components: Mapping[int, tuple[int, int]],
        *,
        progressive: bool,
    ) -> None:
        """The picture that the scans are of.

        Args:
            size: width and height.
            components: identifier → samples across and down in a unit.
            progressive: several scans may bring bits of the same component.
        """
        self._size, self._sampling = size, components
        self.missing = set(components)
        self._progressive = progressive
        self._lowest_bit = {one: [ABSENT] * COEFFICIENTS for one in components}

    def begin(self, header: bytes, data_at: int) -> None:
        """The next scan.

        Args:
            header: its segment, without the length.
            data_at: where its data begin.

        Raises:
            ImageError: corrupt, too_large.
        """
        self.count += 1
        if self.count > MAX_SCANS:
            raise ImageError("too_large", f"more than {MAX_SCANS} scans")
        components = header[0] if header else 0
        if len(header) < 1 + 2 * components + 3:
            raise corrupt("a scan header that is too short")
        self.data_at = data_at
        first, last, bits = header[1 + 2 * components : 4 + 2 * components]
        last = min(max(first, last), COEFFICIENTS - 1)
        lowest = bits & 15
        named = [header[1 + 2 * n] for n in range(components)]
        self.restarts = -(-self._units(named) // self.interval) - 1 if self.interval else 0
        if not self._progressive:
            first, last, lowest = 0, COEFFICIENTS - 1, 0
        for one in named:
            if first == lowest == 0:
                self.missing.discard(one)
            if one in self._lowest_bit:
                self._lowest_bit[one][first : last + 1] = [lowest] * (last + 1 - first)

    def _units(self, named: Sequence[int]) -> int:
        """Units (MCUs) of a scan of these components: blocks, if it is of one alone."""
        if not self._sampling or not named:
            return 1
        across, down = (max(one[n] for one in self._sampling.values()) for n in (0, 1))
        width, height = self._size
        if len(named) > 1 or named[0] not in self._sampling:
            return -(-width // (8 * across)) * -(-height // (8 * down))
        own_across, own_down = self._sampling[named[0]]
        width, height = -(-width * own_across // across), -(-height * own_down // down)
        return -(-width // 8) * -(-height // 8)

    @property
    def complete(self) -> bool:
        """All bits of all components have come, once the last scan's data have."""
        return bool(self._lowest_bit) and not any(map(any, self._lowest_bit.values()))
