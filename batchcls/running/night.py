"""Keeps which lines rest on a device that has passed no check since. Pure."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from batchcls.messages import RECENT, Answer, Checks

Doubt = tuple[str, int]
"""A device that fails, and the first image whose line is not to be trusted."""


MOST = 4096
"""Workers times devices: a worker that makes up names must not fill the memory."""
MOST_LEFT = 256
"""Processes that have ended, each with its lines; of older ones only the first image is kept."""
LINES = 8 * RECENT
"""Of a worker, whatever device they are of."""
_BEFORE = -1
"""Stands for a worker's slot where there were no workers yet."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What a device has labelled in one process since the last check that it passed.

    Attributes:
        device: the device string.
        first: lowest index of these images.
        lines: the last of their lines, the latest first.
    """

    device: str
    first: int
    lines: tuple[bytes, ...] = ()


class Night:
    """What the workers report of devices that are compared with the CPU.

    Attributes:
        left: what processes that have ended had labelled since their last check, until somebody has
            looked at it.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], Checks] = {}
        self._lowest: dict[tuple[int, str], int] = {}
        self._lines: dict[int, deque[Answer]] = {}
        self.left: list[Unchecked] = []

    def begin(self, device: str, agreed: int, clear: int) -> None:
        """What a device answered before the first line, of clear images."""
        self._last[_BEFORE, device] = Checks(-1, 0, clear, agreed, fails=False)

    def answered(self, worker: int, answers: Collection[Answer]) -> None:
        """Keep the last lines of a worker whose devices are checked."""
        if worker in self._lines:
            self._lines[worker].extend(answers)

    def note(self, worker: int, checks: Mapping[str, Checks]) -> Doubt | None:
        """Take in a report; what to do about it, if anything.

        Args:
            worker: its slot.
            checks: by device.
        """
        doubt = None
        self._lines.setdefault(worker, deque(maxlen=LINES))
        for device, said in checks.items():
            key = (worker, device)
            if key not in self._last and len(self._last) >= MOST:
                continue
            last = self._last.get(key)
            passed = last is not None and said.passed > last.passed
            before = -1 if passed else self._lowest.get(key, -1)
            known = [index for index in (before, said.lowest) if index >= 0]
            self._lowest[key] = min(known, default=-1)
            self._last[key] = said
            if said.fails:
                doubt = (device, self.first(device))
        return doubt

    def ended(self, worker: int) -> None:
        """A process has ended; another one may take its slot."""
        self.left += self._unchecked(worker)
        for key in [key for key in self._last if key[0] == worker]:
            gone, before = self._last.pop(key), (_BEFORE, key[1])
            self._lowest.pop(key, None)
            sums = self._last.get(before, Checks(-1, 0, 0, 0, fails=False))
            self._last[before] = sums._replace(
                clear=sums.clear + gone.clear, agreed=sums.agreed + gone.agreed
            )
        self._lines.pop(worker, None)
        # No list without end: a model may kill worker after worker.
        for n, old in enumerate(self.left[:-MOST_LEFT]):
            self.left[n] = Unchecked(old.device, old.first)

    def end(self) -> None:
        """All processes have ended."""
        for worker in list(self._lines):
            self.ended(worker)

    def _unchecked(self, worker: int) -> Iterable[Unchecked]:
        lines = {answer.index: answer.line for answer in self._lines.get(worker, ())}
        for (slot, device), first in self._lowest.items():
            if slot == worker and first >= 0:
                recent: Sequence[int] = self._last[slot, device].recent
                # An image that was labelled, and whose line did not arrive, is labelled again.
                latest = (lines[index] for index in reversed(recent) if index in lines)
                yield Unchecked(device, first, tuple(latest))

    def first(self, device: str) -> int:
        """The first image in doubt; other processes' devices of this name are the same hardware."""
        doubted = [n for (_, name), n in self._lowest.items() if name == device and n >= 0]
        doubted += [one.first for one in self.left if one.device == device]
        return min(doubted, default=0)

    def vouched(self, until: int) -> int:
        """From which line on some rest on no check, if they are there up to `until`."""
        doubted = [index for index in self._lowest.values() if index >= 0]
        return min([*doubted, *(one.first for one in self.left), until])

    def told(self) -> dict[str, tuple[int, int]]:
        """Device → clear images that agreed, and all clear ones."""
        found: dict[str, tuple[int, int]] = {}
        for (_, device), said in self._last.items():
            agreed, clear = found.get(device, (0, 0))
            found[device] = (agreed + said.agreed, clear + said.clear)
        return found
