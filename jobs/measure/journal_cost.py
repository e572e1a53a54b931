"""What the journal costs: one real run, in which its syncs are switched off and on in turn.

    python -m jobs.measure.journal_cost [--minutes 5] [--phase 5] [--data FOLDER]

Every few seconds the syncs of the results file and its mark are switched: without them a crash of
the machine would lose lines, and nothing else differs. It prints the throughput of both kinds of
phase, by how much the one with syncs is slower (with the standard error over the pairs of phases),
and what the coordinator spends in the journal altogether, in wall time and in CPU time. Images and
model as for jobs/measure/soak.py.
"""

import argparse
import json
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batchcls import Job
from batchcls.errors import InterruptedByUser
from batchcls.results.storage import PosixStorage
from batchcls.running import run
from batchcls.running.recorder import JournalLines
from jobs.measure.soak import NAMES_PER_SECOND, add_images, prepare


class Switched(PosixStorage):
    """The real storage; syncs of data are left out while it is off."""

    on = True
    syncs = 0

    def fdatasync(self, fd: int) -> None:
        """See `Storage`."""
        if Switched.on:
            Switched.syncs += 1
            super().fdatasync(fd)

    def fsync(self, fd: int) -> None:
        """See `Storage`."""
        if Switched.on:
            Switched.syncs += 1
            super().fsync(fd)


class Timed(JournalLines):
    """Adds up what the journal takes while syncs are on."""

    wall = cpu = 0.0

    def record(self, record: Any) -> None:
        """See `Lines`."""
        self._time(super().record, record)

    def tick(self, now: float) -> None:
        """See `Lines`."""
        self._time(super().tick, now)

    def _time(self, call: Callable[[Any], None], argument: Any) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        call(argument)
        if Switched.on:
            Timed.wall += time.perf_counter() - wall
            Timed.cpu += time.thread_time() - cpu


class Phases(threading.Thread):
    """Switches, and counts what is answered in each phase; stops the run at the end."""

    def __init__(self, progress: Path, stop: Callable[[], None], seconds: float, count: int):
        super().__init__(daemon=True)
        self.progress, self.stop, self.seconds, self.count = progress, stop, seconds, count
        self.rates: dict[bool, list[float]] = {True: [], False: []}

    def run(self) -> None:
        """See `Thread`."""
        while not self.progress.exists():
            time.sleep(0.1)
        self._rate(10)  # warm-up
        for phase in range(self.count):
            # on off off on …: a drift of the machine hits both alike
            Switched.on = phase % 4 in (0, 3)
            self.rates[Switched.on].append(self._rate(self.seconds))
        Switched.on = True
        self.stop()

    def _rate(self, seconds: float) -> float:
        start, before = self._answered()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.05)
        end, after = self._answered()
        return (after - before) / (end - start)

    def _answered(self) -> tuple[float, int]:
        """When the next snapshot was made, and how many answers there were then."""
        seen = self._snapshot()
        while (now := self._snapshot())["elapsed_s"] == seen["elapsed_s"]:
            time.sleep(0.02)
        return now["elapsed_s"], now["answered"]

    def _snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.progress.read_text())
        return found


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--phase", type=float, default=5, help="seconds")
    add_images(parser)
    options = parser.parse_args()
    count = 4 * max(1, round(options.minutes * 60 / (options.phase + 1) / 4))
    # The run makes its own, so that nobody else need know of this.
    vars(run).update(PosixStorage=Switched, JournalLines=Timed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = int((options.minutes + 1) * 60 * NAMES_PER_SECOND)
        source, *model = prepare(folder, options, names)
        output = folder / "results.jsonl"
        job = Job(
            sources=(source,), model=model[-1] if model else None, output=str(output),
            progress="none",
        )  # fmt: skip
        progress = folder / "results.jsonl.job/progress.json"
        phases = Phases(progress, stop_this_process, options.phase, count)
        try:
            run.run(job, begun=phases.start)
            raise SystemExit("the run ended too early: fewer --minutes")
        except InterruptedByUser:
            phases.join()
    report(phases.rates)


def stop_this_process() -> None:
    """As Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def report(rates: dict[bool, list[float]]) -> None:
    """Print the figures."""
    pairs = [1 - on / off for on, off in zip(rates[True], rates[False], strict=True)]
    error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else float("nan")
    print(f"with syncs      {statistics.mean(rates[True]):9.1f} images/s")
    print(f"without         {statistics.mean(rates[False]):9.1f} images/s")
    print(f"journal's cost  {100 * statistics.mean(pairs):9.2f} % ± {100 * error:.2f}")
    print(f"syncs           {Switched.syncs:9}")
    print(f"in the journal  {Timed.wall:9.2f} s wall, {Timed.cpu:.2f} s CPU, with syncs on")
    print(f"pairs           {len(pairs):9}")


if __name__ == "__main__":
    main()
