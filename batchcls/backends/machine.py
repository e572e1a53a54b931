"""What this machine has, learned without OpenVINO: cores, memory, accelerators, processes."""

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from batchcls.backends import cgroups


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that a layout is decided by.

    Attributes:
        cores: processors this process may use, CPU quotas of containers included.
        accelerators: device names (GPU, NPU) whose kernel driver is there.
        memory: bytes that this process and its children may use, limits of containers included;
            0 = unknown.
        quota: processor time is what is granted, not processors: whoever counts those, as
            OpenVINO does, finds more than the cores above.
    """

    cores: int
    accelerators: frozenset[str] = frozenset()
    memory: int = 0
    quota: bool = False


def this_machine() -> Machine:
    """The machine we run on."""
    found = set()
    if any(Path("/dev/dri").glob("renderD*")):
        found.add("GPU")
    if any(Path("/dev/accel").glob("accel*")):
        found.add("NPU")
    processors = _processors()
    cores = min(processors, cgroups.cores() or processors)
    return Machine(cores, frozenset(found), _memory(), quota=cores < processors)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    """Bytes of memory, or of what the control groups grant of it; 0 = unknown."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
    return min(found, cgroups.memory() or found)


def process_start(pid: int) -> float | None:
    """When a process began, in seconds since the epoch; None where /proc does not tell."""
    try:
        ticks = int(_stat(pid)[19])
        boot = Path("/proc/stat").read_bytes().partition(b"btime ")[2].split()[0]
        return int(boot) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and more of it than an exit status nobody has asked for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process, so there is one
        pass
    try:
        return _stat(pid)[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True


def _stat(pid: int) -> list[bytes]:
    """What /proc tells of a process, from its state on (field 3 of proc(5))."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def child_processes() -> list[int]:
    """Process numbers of this process's children."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def thread_seconds(pid: int) -> dict[int, float]:
    """Processor seconds of a process's threads, by their numbers."""
    found = {}
    with contextlib.suppress(OSError):  # it has just ended, or one of its threads
        for task in Path(f"/proc/{pid}/task").iterdir():
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def own_seconds() -> float:
    """Processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
