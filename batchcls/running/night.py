"""Keeps which lines rest on a device that has passed no check since. Pure."""

from collections.abc import Mapping

from batchcls.messages import Checks

Doubt = tuple[str, int]
"""A device that fails, and the first image whose line is not to be trusted."""


MOST = 4096
"""Workers times devices: a worker that makes up names must not fill the memory."""
_BEFORE = -1
"""Stands for a worker's slot where there were no workers yet."""


class Night:
    """What the workers report of devices that are compared with the CPU.

    A worker that died has checked nothing since: its lines stay in doubt until the worker that took
    its place passes a check.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], Checks] = {}
        self._lowest: dict[tuple[int, str], int] = {}

    def begin(self, device: str, agreed: int, clear: int) -> None:
        """What a device answered before the first line, of clear images."""
        self._last[_BEFORE, device] = Checks(-1, 0, clear, agreed, fails=False)

    def note(self, worker: int, checks: Mapping[str, Checks]) -> Doubt | None:
        """Take in a report; what to do about it, if anything.

        Args:
            worker: its slot.
            checks: by device.
        """
        doubt = None
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
                doubt = (device, self._first(device))
        return doubt

    def _first(self, device: str) -> int:
        """Other workers' devices of this name are the same hardware."""
        doubted = (n for (_, name), n in self._lowest.items() if name == device and n >= 0)
        return min(doubted, default=0)

    def told(self) -> dict[str, tuple[int, int]]:
        """Device → clear images that agreed, and all clear ones."""
        found: dict[str, tuple[int, int]] = {}
        for (_, device), said in self._last.items():
            agreed, clear = found.get(device, (0, 0))
            found[device] = (agreed + said.agreed, clear + said.clear)
        return found
