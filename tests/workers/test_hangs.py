"""An image that hangs its worker: found within the deadline, while the others hardly notice."""

import time
from pathlib import Path
from typing import Any

import pytest

from batchcls.messages import Answered, Event
from tests.workers.harness import WatchedBackend, run_faulty
from tests.workers.test_worker_deaths import check_lines

DEADLINE_S = 3.0
SLOW_S = 0.01


class Throughput:
    """Counts what each worker answers, and watches the one that hangs."""

    def __init__(self) -> None:
        self.answers: list[tuple[float, int, int]] = []
        self.hung = -1
        self.hung_at = self.found_at = self.convicted_at = 0.0

    def __call__(self, backend: WatchedBackend) -> None:
        if not self.answers:
            self.listen(backend)
        now = time.monotonic()
        for worker, process in backend._processes.items():
            for hand in process.board.in_hand():
                if self.hung < 0 and hand.stage == "decode" and now - hand.since / 1e9 > 0.5:
                    self.hung, self.hung_at = worker, hand.since / 1e9
        found = sum(death.timeout for death in backend.deaths)
        if found and not self.found_at:
            self.found_at = now
        if found == 3 and not self.convicted_at:
            self.convicted_at = now

    def listen(self, backend: WatchedBackend) -> None:
        take = type(backend)._take

        def heard(worker: int, process: Any, payload: bytes) -> Event:
            event = take(backend, worker, process, payload)
            if isinstance(event, Answered):
                self.answers.append((time.monotonic(), worker, len(event.answers)))
            return event

        backend._take = heard  # type: ignore[method-assign]  # to count, not to change

    def rate(self, start: float, seconds: float, *, without: int = -1) -> float:
        """Images a second, of all workers but one."""
        seen = (
            n for at, who, n in self.answers if start <= at < start + seconds and who != without
        )
        return sum(seen) / seconds


@pytest.mark.parametrize("how", ["HANG", pytest.param("STOP", marks=pytest.mark.faults)])
def test_the_deadline_is_met_and_the_others_keep_their_throughput(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The decoder sleeps, so that throughput does not hang on this machine's other load."""
    monkeypatch.setenv("FAULT_SLOW", str(SLOW_S))
    names = [f"ok.{n}" for n in range(3000)]
    culprit = f"decode.{how}.img"
    names.insert(300, culprit)
    seen = Throughput()
    outcome = run_faulty(tmp_path, names, workers=3, timeout_s=DEADLINE_S, interfere=seen)
    check_lines(outcome, names, {culprit: "timeout"})
    assert DEADLINE_S - 0.1 < seen.found_at - seen.hung_at < DEADLINE_S + 1
    assert [death.timeout for death in outcome.deaths].count(True) == 3
    before = seen.rate(seen.hung_at - 0.8, 0.8, without=seen.hung)
    # Of all: the one that hangs answers nothing, and need not be the same in all three deadlines.
    meanwhile = seen.rate(seen.hung_at, seen.convicted_at - seen.hung_at)
    print(f"the others: {before:.0f} images/s before, {meanwhile:.0f} in all three deadlines")
    assert meanwhile >= 0.9 * before
