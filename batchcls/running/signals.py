"""What the terminal, the scheduler and the shell want of a run, as flags.

Handlers set no more, but while nothing is at stake: then they may raise.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from batchcls.errors import InterruptedByUser

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequests:
    """Signals received so far.

    Attributes:
        first: number of the first one, 0 before it: the run should drain.
        count: how many; from the second on, the run should stop at once.
        descriptor: becomes readable with each signal, to end a wait.
        at_once: nothing is at stake yet: a signal raises where it arrives, even in a blocked read.
    """

    def __init__(self) -> None:
        self.first = 0
        self.count = 0
        self.at_once = False
        self.descriptor, self._write_end = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write_end, False)

    def note(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal arrived."""
        self.first = self.first or number
        self.count += 1
        if self.at_once:
            raise InterruptedByUser("stopped before there was a result", number)

    def check(self) -> None:
        """Raise if a signal was received.

        Raises:
            InterruptedByUser: there was one.
        """
        if self.count:
            raise InterruptedByUser("stopped; run the same command to resume", self.first)

    def forget(self) -> None:
        """What was received is obeyed; the next signal is a first one again."""
        self.first = self.count = 0
        self.clear()

    def clear(self) -> None:
        """Make the descriptor unreadable again."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.descriptor, 64):
                pass

    def close(self) -> None:
        """Let go of the descriptors."""
        os.close(self.descriptor)
        os.close(self._write_end)


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Take over the stop signals for a while; those ignored so far (nohup) stay ignored.

    Outside the main thread, where Python allows no handlers, nothing is taken over.
    """
    requests = StopRequests()
    if threading.current_thread() is not threading.main_thread():
        yield requests
        requests.close()
        return
    previous = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN}
    wakeup = signal.set_wakeup_fd(requests._write_end, warn_on_full_buffer=False)
    try:
        for number in previous:
            signal.signal(number, requests.note)
        yield requests
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        requests.close()
