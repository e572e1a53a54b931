"""What the control groups of this process grant: the least that any of those it is nested in says.

Both versions, by their names below ``/sys/fs/cgroup``. A container often shows its own group where
the mount is, under whatever path the kernel gives for it, so what is not there is passed over.
"""

from collections.abc import Iterator
from pathlib import Path

_MOUNT = "sys/fs/cgroup"


def cores(root: Path = Path("/")) -> int:
    """Whole processors; 0 = no limit.

    Args:
        root: of the file system.
    """
    granted = []
    for group in _groups(root, "cpu"):
        words = _words(group / "cpu.max")
        words = words or _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        # No limit is "max" in version 2, and -1 in version 1.
        if len(words) == 2 and all(word.isdigit() and int(word) for word in words):
            granted.append(max(1, int(words[0]) // int(words[1])))
    return min(granted, default=0)


def memory(root: Path = Path("/")) -> int:
    """Bytes; 0 = no limit.

    Above ``memory.high`` processes are held back until they hardly move, so it is a limit, too.

    Args:
        root: of the file system.
    """
    granted = []
    for group in _groups(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            granted += [int(word) for word in _words(group / name) if word.isdigit()]
        # Of version 1: it counts the groups above a container, which are not seen from within.
        stat = _words(group / "memory.stat")
        if "hierarchical_memory_limit" in stat[:-1]:
            granted.append(int(stat[stat.index("hierarchical_memory_limit") + 1]))
    return min(granted, default=0)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's groups, each with all above it, in either version."""
    paths = {"": "", controller: ""}
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if not names or controller in names.split(","):  # version 2 has no names
            paths |= {names: path, controller if names else "": path}
    for name, path in paths.items():
        group = root / _MOUNT / name
        yield group
        for part in path.split("/"):
            if part == "..":  # beyond what this namespace shows
                break
            if part:
                group /= part
                yield group


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except (OSError, ValueError):
        return []
