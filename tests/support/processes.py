"""Processes looked at from outside, through /proc."""

import os
import time
from pathlib import Path

PATIENCE_S = 60.0
"""How long tests wait for what must happen, however busy the machine is. What must happen within a
given time is for the tests that are marked `timing`."""


def state(pid: int) -> list[str]:
    """A process's fields in /proc/PID/stat, from its state on; none where there is no process."""
    try:
        # The name, in parentheses, may hold anything; the fields after it may not.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def children(pid: int) -> list[int]:
    """Processes that have this one as their parent, zombies included."""
    listed = list(Path(f"/proc/{pid}/task").glob("*/children"))
    if listed or not alive(pid):
        found = []
        for path in listed:
            try:
                found += [int(word) for word in path.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue  # the thread ended while we looked
        return found
    # A kernel without these lists; looking at every process takes thirty times as long.
    everybody = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [other for other in everybody if state(other)[1:2] == [str(pid)]]


def words(pid: int) -> str:
    """A process's command line and state, to be shown."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    return f"{line.decode(errors='replace')}({''.join(state(pid)[:1])})"


def alive(pid: int) -> bool:
    """Whether it is there, and more than a zombie."""
    return state(pid)[:1] not in ([], ["Z"])


def gone_within(pids: list[int], seconds: float = PATIENCE_S) -> bool:
    """Whether all of them have ended, or do so in this time."""
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def peak_mb() -> float:
    """The most memory that this program had resident.

    Not `ru_maxrss`, which starts with what the process had that called exec: the tests' own.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
