"""How many lines there were when: a few hundred moments of a run, for a report of the night.

One line of JSON for each moment, ``{"at":1764460800,"lines":123456}``; the first of a session has
``"begins":true``. It is a note, never a journal: not synced, and a run goes on without it.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 4 << 20
SOONEST_S = 1.0
LATEST_S = 60.0
STEPS = 60
"""A session that has lasted so many times a second notes a moment each second, and so on."""


class Moment(NamedTuple):
    """Lines that there were.

    Attributes:
        at: seconds since the epoch.
        begins: a session began, so nothing was written just before.
    """

    at: float
    lines: int
    begins: bool = False


@dataclass(slots=True)
class Pace:
    """Notes moments of a session: many of a short one, one a minute of a long one."""

    path: Path
    _first: float | None = None
    _next: float = 0.0
    _lines: int = field(default=-1)

    def note(self, at: float, lines: int, *, last: bool = False) -> None:
        """Note a moment if it is time to; may be called at any rate.

        Args:
            at: seconds since the epoch.
            last: the session ends.
        """
        begins = self._first is None
        if at < self._next and not (last and lines != self._lines):
            return
        if self._first is None:
            self._first = at
        self._next = at + min(LATEST_S, max(SOONEST_S, (at - self._first) / STEPS))
        self._lines = lines
        moment = {"at": round(at, 1), "lines": lines} | ({"begins": True} if begins else {})
        with suppress(OSError), self.path.open("a", encoding="ascii") as file:
            file.write(json.dumps(moment, separators=(",", ":")) + "\n")


def read(path: Path) -> list[Moment]:
    """The moments of the lines that are there now; none where nothing was noted.

    Lines that were taken back since (`--fresh`, a device that went bad, a power cut) are left out.
    """
    found: list[Moment] = []
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES)
    except OSError:
        return found
    for line in text.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            moment = Moment(float(said["at"]), int(said["lines"]), said.get("begins") is True)
            anew = moment.begins and not moment.lines
            while found and (anew or found[-1].lines > moment.lines):
                found.pop()
            found.append(moment)
    return found


def rates(moments: Sequence[Moment], steps: int) -> list[tuple[float, float, bool]]:
    """Seconds of work since the beginning, images/s from there on, and whether a session begins.

    Time between sessions does not count. At most about `steps` of equal length, the last with its
    end in a further entry whose rate is 0.
    """
    spans = [
        (b.at - a.at, b.lines - a.lines, a.begins)
        for a, b in pairwise(moments)
        if not b.begins and b.at > a.at
    ]
    total = sum(seconds for seconds, _, _ in spans)
    if not total:
        return []
    step, found = total / steps, []
    start = seconds = lines = 0.0
    begins = False
    for length, more, first in spans:
        begins = begins or first
        seconds, lines = seconds + length, lines + more
        if seconds >= step:
            found.append((start, lines / seconds, begins))
            start, seconds, lines, begins = start + seconds, 0.0, 0.0, False
    if seconds:
        found.append((start, lines / seconds, begins))
    return [*found, (total, 0.0, False)]
