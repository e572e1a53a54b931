"""What a worker process may not do and does not outlive, set as its first act."""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

from batchcls.errors import UsageError

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


def bound_memory(megabytes: int, most: int = 0) -> None:
    """Let this process grow by so much and no more; what then asks for memory gets none.

    To be called once the model is loaded. The bound is one on addresses, the only one that Linux
    has; they are far more than what is resident, so what counts is the growth from here on.

    Args:
        megabytes: of growth; 0 = no bound. What is resident now must leave a quarter of it free.
        most: to which the bound may be raised later, if that is more.

    Raises:
        UsageError: the model alone takes more.
    """
    if not megabytes:
        return
    try:
        words = Path("/proc/self/statm").read_text().split()
    except OSError:
        return  # no Linux, no bound
    size, resident = (int(word) * resource.getpagesize() for word in words[:2])
    if resident > megabytes * 750_000:
        raise UsageError(
            f"--worker-memory {megabytes} is too small: with the model loaded, a worker takes "
            f"{resident // 1_000_000} MB already; allow at least {resident // 750_000 + 1}, and "
            "what the largest image needs besides"
        )
    bound = size + megabytes * 1_000_000
    hard = size + max(megabytes, most) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
