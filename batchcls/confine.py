"""What a worker process may not do and does not outlive, set as its first act."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def confine(parent: int) -> None:
    """Tie this process to its parent and take away what it has no use for.

    The terminal's signals go to the whole group; the coordinator decides what they mean, so a
    worker ignores them. On Linux the kernel kills it when its parent dies.

    Args:
        parent: process number of the coordinator.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above took effect
        os._exit(0)
    # When memory runs out, a worker goes first: it is replaced, the coordinator is not.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
