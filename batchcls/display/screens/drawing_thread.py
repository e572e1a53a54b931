"""Draws in a thread of its own, so that a slow or stopped terminal never holds up the run.

Rules of this file:

1. `show` only leaves the newest snapshot and returns; what was not drawn in time is skipped.
2. A screen that raises is given up for good, and a message is left in the log. The run continues.
3. Drawing costs at most 1 % of a core, whatever a frame costs: the next frame waits for it.
4. `close` waits a moment for the last frame, then leaves the thread (a daemon) to its fate.
"""

import logging
import threading
import time
from typing import Protocol

from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot

CPU_SHARE = 0.01
WALL_SHARE = 0.1
CLOSE_S = 2.0

log = logging.getLogger(__name__)


class Screen(Protocol):
    """One way to draw snapshots; called from one thread only."""

    min_interval: float
    """Least seconds between frames."""

    def draw(self, snapshot: Snapshot) -> None:
        """Show a snapshot, or decide that it changes nothing."""

    def finish(self, snapshot: Snapshot) -> None:
        """Show the last one and leave the terminal as it was."""


class DrawingThread:
    """A display that hands snapshots to a screen in another thread."""

    def __init__(self, screen: Screen, stream: QuietStream) -> None:
        self._screen = screen
        self._stream = stream
        self._latest: Snapshot | None = None
        self._last: Snapshot | None = None
        self._given_up = False
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot when the next frame is due."""
        self._latest = snapshot
        if self._thread is None and not self._given_up:
            thread = threading.Thread(target=self._run, name="display", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # too many (`ulimit -u`)
                self._given_up = True
                log.warning("the display is silent: %s", error)
            else:
                self._thread = thread
        self._wake.set()

    def close(self, snapshot: Snapshot) -> None:
        """Draw the last snapshot and stop; returns soon even if the terminal hangs."""
        if self._given_up:
            return
        self._last = snapshot
        self._hurry.set()
        self.show(snapshot)
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        self._stream.silent = True
        self._given_up = True

    def _run(self) -> None:
        try:
            while self._last is None:
                self._wake.wait()
                self._wake.clear()
                snapshot, self._latest = self._latest, None
                if snapshot is not None and self._last is None:
                    self._hurry.wait(self._frame(snapshot))
            self._screen.finish(self._last)
        except Exception:
            self._given_up = True
            log.exception("the display failed and is silent from here on")

    def _frame(self, snapshot: Snapshot) -> float:
        """Draw, and return how many seconds to rest after it."""
        wall, cpu = time.perf_counter(), time.thread_time()
        self._screen.draw(snapshot)
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        return max(self._screen.min_interval, cpu / CPU_SHARE, wall / WALL_SHARE)
