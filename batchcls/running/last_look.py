"""Has the CPU look at lines that no check has passed: what workers leave when they end or die.

What was being labelled is gone by then, but the lines are there, and the images. So a process of
its own asks the CPU about the last of them.

Rules of this file:

1. It happens when a worker has died, at the end of a run, and before a run goes on whose last
   session did not come to its end. Nobody waits for the first; at most one process is at work.
2. Lines pass where a few clear ones agree, or where the rule of the night (`agreement`) lets them.
3. What could not be compared is told, and stays in doubt: if the device fails later, it is taken
   back with the rest.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from batchcls.backends.question import Question
from batchcls.errors import BatchclsError
from batchcls.messages import RECENT
from batchcls.model.devices.agreement import CLEAR, FEW, surely_below
from batchcls.results import record
from batchcls.running.listed_work import ImagesOf
from batchcls.running.night import Unchecked
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

log = logging.getLogger("batchcls")

MODULE = "batchcls.worker.line_check"
ENOUGH = 4
SECONDS = 30
WAIT_S = 150.0
"""For the model to be compiled, too."""
SHARE = 0.01
"""Of the time, while the run goes on."""
BLOCKS = 64

Judged = Sequence[tuple[float, bool]]
"""How clear an image is on the CPU, and whether its line says the same."""

Ask = Callable[[Mapping[str, Any], IO[bytes]], Question]
"""From a request and where to log to a process at work on it."""


def ask(request: Mapping[str, Any], words: IO[bytes]) -> Question:
    """Ask a process on this machine."""
    return Question(MODULE, request, words)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What lines are found to be.

    Attributes:
        fails: the device that labels otherwise; empty if none surely does.
        passed: may be trusted.
        open: could not be compared, or not well enough.
    """

    fails: str = ""
    passed: tuple[Unchecked, ...] = ()
    open: tuple[Unchecked, ...] = ()


def verdict(looked: Sequence[Unchecked], judged: Sequence[Judged], least: float) -> Verdict:
    """Decide over what was looked at.

    Args:
        looked: groups of lines.
        judged: of each.
        least: percent of clear images that a device must label as the CPU does.
    """
    fails = ""
    passed: list[Unchecked] = []
    left: list[Unchecked] = []
    pooled: dict[str, list[bool]] = {}
    for one, pairs in zip(looked, judged, strict=True):
        clear = [same for lead, same in pairs if lead >= CLEAR]
        pooled.setdefault(one.device, []).extend(clear)
        if surely_below(sum(clear), len(clear), least):
            fails = one.device
        elif clear and (all(clear) or len(clear) >= FEW):
            passed.append(one)
            continue
        left.append(one)
    for device, clear in pooled.items():
        # Of each process there may be too few.
        if surely_below(sum(clear), len(clear), least):
            fails = device
    return Verdict(fails, tuple(passed), tuple(left))


def blocks(device: str, first: int, lines: Mapping[int, bytes]) -> list[Unchecked]:
    """Lines of nobody knows which worker as groups of neighbours, which one worker has labelled.

    Args:
        device: the device string.
        first: the first image in doubt.
        lines: by index.
    """
    indices = sorted(lines, reverse=True)
    groups = [indices[n : n + RECENT] for n in range(0, len(indices), RECENT)]
    return [Unchecked(device, first, tuple(lines[n] for n in group)) for group in groups]


def places_of_blocks(first: int, stop: int, workers: int) -> list[range]:
    """Which lines to take of those in doubt: the last of every worker, and some of all others.

    >>> places_of_blocks(0, 100, 1)
    [range(68, 100), range(36, 68), range(4, 36), range(0, 4)]
    """
    starts = range(stop - RECENT, first - RECENT, -RECENT)
    # A worker holds two leases of up to 64 images.
    last = min(len(starts), max(BLOCKS, 4 * workers))
    rest = starts[last:]
    some = rest[:: max(1, len(rest) // BLOCKS)]
    return [range(max(first, n), n + RECENT) for n in (*starts[:last], *some)]


class LastLook:
    """Looks at lines, in a process at a time.

    Args:
        start: as a worker gets it.
        files: of the model, as a worker on this machine read them.
        images_of: images by their indices.
        log_file: takes what the process says.
        ask: begins a question.
    """

    def __init__(
        self,
        start: StartMessage,
        files: Sequence[Any] | None,
        images_of: ImagesOf,
        log_file: Path,
        ask: Ask = ask,
    ) -> None:
        self._request = {
            "start": start.to_json(),
            "files": files,
            "seconds": SECONDS,
        }
        self._images_of = images_of
        self._least = start.job.device_agreement
        self._log_file = log_file
        self._ask = ask
        self._question: Question | None = None
        self._looked: Sequence[Unchecked] = ()
        self._begun = self._due = 0.0
        self.why = ""

    def begin(self, unchecked: Sequence[Unchecked], enough: int = ENOUGH) -> None:
        """Begin to look; `verdict` tells when."""
        self._looked, self._begun = unchecked, time.monotonic()
        groups = [[line.decode() for line in one.lines] for one in unchecked]
        indices = [record.parse(line).index for one in unchecked for line in one.lines]
        try:
            images = leased.to_json(list(self._images_of(indices).values()))
            with self._log_file.open("ab") as words:
                asked = {**self._request, **images, "groups": groups, "enough": enough}
                self._question = self._ask(asked, words)
        except BatchclsError as error:
            self.why = str(error)
        except OSError as error:
            self.why = error.strerror or str(error)

    @property
    def busy(self) -> bool:
        """A process is at work, and may take longer."""
        if self._question is None or self._question.answered:
            return False
        return time.monotonic() < self._begun + WAIT_S

    def verdict(self) -> Verdict:
        """What was found; all is open where nothing could be."""
        judged: Sequence[Judged] = [()] * len(self._looked)
        try:
            if self._question is not None:
                judged = self._question.answer()["judged"]
        except (BatchclsError, TypeError, KeyError) as error:
            self.why = str(error)
            log.warning("the lines since the last check could not be compared: %s", error)
        self.close()
        return verdict(self._looked, judged, self._least)

    def close(self) -> None:
        """End the process."""
        if self._question is not None:
            self._question.close()
            self._question = None
