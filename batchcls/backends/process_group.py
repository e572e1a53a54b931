"""Ends a process that leads a group of its own, and the group with it, and never another's.

A group's number may be anybody's as soon as its leader was reaped and nobody is left in it. So the
leader is reaped last.
"""

import contextlib
import os
import signal
import subprocess
import time

POLL_S = 0.01

Leader = subprocess.Popen[bytes]


def send(leader: Leader, number: int) -> None:
    """Signal all of a group; nobody, if its leader was reaped."""
    if leader.returncode is None:
        with contextlib.suppress(OSError):
            os.killpg(leader.pid, number)


def exits(leader: Leader, until: float) -> bool:
    """Whether a leader exits by then (monotonic seconds); it is not reaped."""
    with contextlib.suppress(ChildProcessError):
        while leader.returncode is None:
            if os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                break
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
    return True


def reap(leader: Leader, seconds: float) -> None:
    """Kill what is left of a group, and reap its leader within so many seconds."""
    send(leader, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        leader.wait(seconds)
