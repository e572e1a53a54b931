"""An image that hangs its worker: found within the deadline, while the others hardly notice."""

import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import WatchedBackend, check_lines, run_faulty

pytestmark = pytest.mark.runs

DEADLINE_S = 3.0
SLOW_S = 0.01
CULPRIT = 300

TICKER = """
import sys, time
while True:
    time.sleep(float(sys.argv[1]))
    print(time.monotonic(), flush=True)
"""


class Ticks:
    """What a process that only sleeps gets done: the pace that this machine allows just now.

    A machine shared with other tests and other tenants stands still now and then, for a second at
    times; then everybody does, and it is not the hanging image's doing.
    """

    def __init__(self, written: Path) -> None:
        self._written = written

    def seen(self, start: float, seconds: float) -> list[float]:
        """The moments of the ticks in this time."""
        lines = self._written.read_text().splitlines()
        return [at for at in map(float, lines[:-1]) if start <= at < start + seconds]

    def stood_still(self, start: float, seconds: float) -> float:
        """Seconds of this time in which the machine let nobody work."""
        ends = [start, *self.seen(start, seconds), start + seconds]
        return sum(b - a for a, b in itertools.pairwise(ends) if b - a > 20 * SLOW_S)


@contextlib.contextmanager
def ticking(written: Path) -> Iterator[Ticks]:
    """A process beside the run, which does nothing but sleep as the workers' decoders do."""
    with written.open("w") as file:
        ticker = subprocess.Popen([sys.executable, "-c", TICKER, str(SLOW_S)], stdout=file)
    try:
        yield Ticks(written)
    finally:
        ticker.kill()
        ticker.wait()


class Throughput:
    """Counts what each worker answers, and watches the one that hangs."""

    def __init__(self) -> None:
        self.answers: list[tuple[float, int, int]] = []
        self.hung = -1
        self.hung_at = self.found_at = self.convicted_at = 0.0

    def __call__(self, backend: WatchedBackend) -> None:
        self.answers = backend.answered
        now = time.monotonic()
        for worker, process in backend.processes.items():
            for hand in process.board.in_hand():
                hangs = hand.index == CULPRIT and now - hand.since > 0.5
                if self.hung < 0 and hangs:
                    self.hung, self.hung_at = worker, hand.since
        found = sum(death.timeout for death in backend.deaths)
        if found and not self.found_at:
            self.found_at = now
        if found == 3 and not self.convicted_at:
            self.convicted_at = now

    def rate(self, start: float, seconds: float, *, without: int = -1) -> float:
        """Images a second, of all workers but one."""
        seen = (
            n for at, who, n in self.answers if start <= at < start + seconds and who != without
        )
        return sum(seen) / seconds


@pytest.mark.timing
@pytest.mark.parametrize("how", ["HANG", pytest.param("STOP", marks=pytest.mark.faults)])
def test_the_deadline_is_met_and_the_others_keep_their_throughput(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The decoder sleeps, so that throughput does not hang on this machine's other load."""
    monkeypatch.setenv("FAULT_SLOW", str(SLOW_S))
    names = [f"ok.{n}" for n in range(3000)]
    culprit = f"decode.{how}.img"
    names.insert(CULPRIT, culprit)
    seen = Throughput()
    with ticking(tmp_path / "ticks") as ticks:
        outcome = run_faulty(tmp_path, names, workers=3, timeout_s=DEADLINE_S, interfere=seen)
    check_lines(outcome, names, {culprit: "timeout"})
    took = seen.found_at - seen.hung_at
    assert DEADLINE_S < took < DEADLINE_S + 1 + ticks.stood_still(seen.hung_at, took)
    assert [death.timeout for death in outcome.deaths].count(True) == 3
    before = seen.rate(seen.hung_at - 0.8, 0.8, without=seen.hung)
    before /= len(ticks.seen(seen.hung_at - 0.8, 0.8)) / 0.8
    # Of all: the one that hangs answers nothing, and need not be the same in all three deadlines.
    duration = seen.convicted_at - seen.hung_at
    meanwhile = seen.rate(seen.hung_at, duration)
    meanwhile /= len(ticks.seen(seen.hung_at, duration)) / duration
    print(f"the others: {before:.3f} images a tick before, {meanwhile:.3f} in all three deadlines")
    assert meanwhile >= 0.9 * before
