"""Compares a device with the CPU now and then while it labels: what goes bad at 3 is found at 3.

Rules of this file:

1. One image in `EVERY`, and one every `AT_LEAST_S`, is asked of the CPU too; but all of it takes at
   most one hundredth of the time.
2. Only clear images count (`model.devices.agreement`). Where the chosen one is not, the next is.
3. After one that the device labels otherwise, all further ones are checked until `TRIAL` of them
   are clear. Then the rule that held before the night decides over these.
4. The worker never stands still for long: the reference is compiled by a thread of its own, and of
   a trial on a slow one at most half of the time is spent in it. Where there can be no reference,
   the run goes on without.
5. Known is always the first image since the last check that the device passed: from there on its
   lines are not to be trusted. The last ones are known, too: what a worker leaves unchecked when it
   ends or dies is looked at by its lines (`running.last_look`).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Protocol

from batchcls.errors import ImageError
from batchcls.messages import RECENT, Checks
from batchcls.model.devices.agreement import CLEAR, FEW, surely_below
from batchcls.worker.interfaces import Array

EVERY = 2000
AT_LEAST_S = 600.0
SHARE = 0.01
TRIAL = RECENT
OPENING_S = 2.0
"""The reference is waited for so long; what is due then is checked when it is there."""
SLOW_S = 0.25
"""A check that takes longer."""
BEAT_S = 0.1
MOST_IN_TRIAL = 8 * TRIAL
"""Images of a trial, clear or not; with fewer than 16 clear ones nothing is decided."""


class Reference(Protocol):
    """The model on the CPU."""

    def ask(self, tensor: Array) -> Array | None:
        """Probabilities, (classes,), of one model input; None where there is no answer."""


Compare = Callable[[Array, Array], tuple[float, bool]]
"""From the reference's and the device's probabilities to the lead of the former, and whether both
have the same best class."""


class DeviceWatch:
    """What is known of one device. Pure: it is told the time.

    Args:
        least: percent of clear images that a device must label as the CPU does.
        now: seconds.
    """

    def __init__(self, least: float, now: float) -> None:
        self._least = least
        self._since = 0  # images since the last check
        self._checked_at = now
        self._cost = 0.0
        self._again = False  # the image that was checked was not clear
        self._trial: list[bool] | None = None
        self._in_trial = 0
        self._lowest = -1
        self._passed = self._clear = self._agreed = 0
        self._fails = False
        self._recent: deque[int] = deque(maxlen=RECENT)

    @property
    def checks(self) -> Checks:
        """As it is reported."""
        return Checks(
            self._lowest, self._passed, self._clear, self._agreed, self._fails, tuple(self._recent)
        )

    def saw(self, index: int, now: float) -> bool:
        """An image is labelled; whether it is to be checked."""
        self._lowest = index if self._lowest < 0 else min(self._lowest, index)
        self._recent.append(index)
        self._since += 1
        if self._fails:
            return False
        if self._trial is not None:
            return self._cost <= SLOW_S or now - self._checked_at >= self._cost
        if now - self._checked_at < self._cost / SHARE:
            return False
        return self._again or self._since >= EVERY or now - self._checked_at >= AT_LEAST_S

    def checked(self, lead: float, same: bool, took: float, now: float) -> None:
        """It was checked.

        Args:
            lead: of the reference's best score.
            same: both have the same best class.
            took: seconds.
            now: seconds.
        """
        self._since, self._checked_at, self._cost = 0, now, took
        clear = lead >= CLEAR
        self._again = not clear and not self._again
        if clear:
            self._clear += 1
            self._agreed += same
        if self._trial is not None:
            self._try(clear, same)
        elif clear and not same:
            self._trial, self._in_trial = [], 0
        elif clear:
            self._passes()

    def _try(self, clear: bool, same: bool) -> None:
        trial = self._trial if self._trial is not None else []
        self._in_trial += 1
        if clear:
            trial.append(same)
        if len(trial) < TRIAL and self._in_trial < MOST_IN_TRIAL:
            return
        self._trial = None
        if surely_below(sum(trial), len(trial), self._least):
            self._fails = True
        elif len(trial) >= FEW:
            self._passes()

    def _passes(self) -> None:
        self._passed += 1
        self._lowest = -1
        self._recent.clear()


class NightCheck:
    """Watches a worker's devices.

    Args:
        devices: that are something else than the plain CPU.
        open_reference: compiles the model for the CPU; when the first check is due.
        probabilities: from a device's raw scores.
        compare: see `Compare`.
        least: see `DeviceWatch`.
        beat: shows that the worker is alive, while it waits.
        clock: seconds.

    Attributes:
        notes: what has come to light, for people; whoever takes them leaves an empty list.
    """

    def __init__(
        self,
        devices: Collection[str],
        open_reference: Callable[[], Reference],
        probabilities: Callable[[Array], Array],
        compare: Compare,
        least: float,
        beat: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self._watched = {device: DeviceWatch(least, now) for device in devices}
        self._open = open_reference
        self._opening: threading.Thread | None = None
        self._reference: Reference | None = None
        self._beat = beat
        self.notes: list[str] = []
        self._probabilities = probabilities
        self._compare = compare
        self._clock = clock

    def see(self, device: str, index: int, tensor: Array | None, scores: Array) -> None:
        """A device has labelled an image.

        Args:
            device: the device string.
            index: the image's; negative ones are no images of the run.
            tensor: the model input that it was given.
            scores: raw, (classes,).
        """
        watched = self._watched.get(device)
        if watched is None or tensor is None or index < 0:
            return
        if not watched.saw(index, self._clock()) or (reference := self._opened()) is None:
            return
        begun = self._clock()
        lead, same = self._ask(reference, tensor, scores)
        now = self._clock()
        watched.checked(lead, same, now - begun, now)

    def _opened(self) -> Reference | None:
        """The reference; None where there is none yet, or can be none."""
        if self._opening is None:
            self._opening = threading.Thread(target=self._open_it, name="reference", daemon=True)
            self._opening.start()
            until = time.monotonic() + OPENING_S
            while self._opening.is_alive() and time.monotonic() < until:
                self._beat()
                self._opening.join(BEAT_S)
        return self._reference

    def _open_it(self) -> None:
        try:
            self._reference = self._open()
        except Exception as error:  # noqa: BLE001 - lines do not depend on it
            self.notes.append(f"devices are not compared with the CPU during the run: {error}")

    def _ask(self, reference: Reference, tensor: Array, scores: Array) -> tuple[float, bool]:
        """The reference's lead for an image, and whether the device says the same."""
        truth = reference.ask(tensor)
        if truth is None:  # then nothing is clear
            return 0.0, True
        try:
            return self._compare(truth, self._probabilities(scores))
        except ImageError:  # no numbers: nobody could call that the same
            return self._compare(truth, truth)[0], False

    @property
    def checks(self) -> dict[str, Checks]:
        """Of each device, for the report."""
        return {device: watched.checks for device, watched in self._watched.items()}
