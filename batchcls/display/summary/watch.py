"""How a run stands, seen from outside: ``batchcls status`` and ``batchcls watch``. Only reads.

Exit codes: 0 running or complete · 2 no such run, or its files cannot be read · 4 ended early or
its process is gone; the same command resumes.
"""

import os
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TextIO

from batchcls.display import open_display, text
from batchcls.display.progress.progress_file import load
from batchcls.display.screens.plain import progress_line, title_line
from batchcls.display.screens.stream import Outlet
from batchcls.display.snapshot import Snapshot
from batchcls.errors import RefusedError

POLL_S = 0.5
FRESH_S = 30.0
BLOCK = 1 << 20

Writer = Literal["alive", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of a run, found by the name of its results."""

    results: Path
    part: Path
    directory: Path

    @classmethod
    def of(cls, path: str) -> "RunFiles":
        """The run that is meant by its results file, the unfinished one, or the job directory.

        Raises:
            RefusedError: there is no such run.
        """
        name = path.rstrip("/")
        for ending in (".part", ".job"):
            name = name.removesuffix(ending)
        files = cls(Path(name), Path(f"{name}.part"), Path(f"{name}.job"))
        if not files.directory.is_dir():
            raise RefusedError(
                f"{text.safe(path)}: no run of batchcls writes or wrote there "
                f"({text.safe(str(files.directory))} is missing)"
            )
        return files


def status(path: str, stream: TextIO) -> int:
    """Say once how a run stands.

    Args:
        path: its results file.
        stream: where the words go.

    Returns:
        The exit code, see above.

    Raises:
        RefusedError: there is no such run, or its progress cannot be read.
    """
    files = RunFiles.of(path)
    snapshot = _load(files)
    outlet = Outlet(stream)
    lines, code = _words(files, snapshot)
    outlet.write("".join(f"{text.safe(words)}\n" for words in lines))
    outlet.flush()
    return code


def watch(path: str, stream: TextIO, kind: str = "auto") -> int:
    """Show a run's dashboard until it ends; Ctrl-C leaves, and the run goes on.

    Args:
        path: its results file.
        stream: where the dashboard is drawn.
        kind: of display.

    Returns:
        The exit code, see above.

    Raises:
        RefusedError: there is no such run, or its progress cannot be read.
    """
    files = RunFiles.of(path)
    display = open_display(kind, stream, watching=True)
    snapshot = Snapshot()
    try:
        while not snapshot.finished:
            found = _load(files)
            if found is not None:
                gone = not found.finished and writer_of(found) == "gone"
                snapshot = replace(found, state="interrupted") if gone else found
                display.show(snapshot)
            if not snapshot.finished:
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        return 0
    finally:
        display.close(snapshot)
    return 0 if snapshot.state == "done" else 4


def _load(files: RunFiles) -> Snapshot | None:
    try:
        return load(files.directory)
    except (OSError, ValueError) as error:
        raise RefusedError(
            f"{text.safe(str(files.directory / 'progress.json'))} cannot be read: "
            f"{text.safe(str(error))}"
        ) from error


def _words(files: RunFiles, snapshot: Snapshot | None) -> tuple[list[str], int]:
    complete = files.results.exists()
    written = files.results if complete else files.part
    there = f"{text.counted(count_lines(written), 'line', 'lines')} in {written}"
    if snapshot is None:
        return [there], 0 if complete else 4
    lines = [title_line(snapshot), progress_line(snapshot), there]
    if snapshot.failed_by_kind:
        kinds = (f"{kind} {text.count(n)}" for kind, n in snapshot.failed_by_kind.items())
        lines.append(f"failed: {', '.join(kinds)}")
    if snapshot.finished:
        complete = snapshot.state == "done"
        lines.append(f"ended {_ago(snapshot)}{'' if complete else '; the same command resumes'}")
        return lines, 0 if complete else 4
    who = f"process {snapshot.pid} on {snapshot.host}"
    match writer_of(snapshot):
        case "alive":
            lines.append(f"{who} is at work, heard of {_ago(snapshot)}")
            return lines, 0
        case "gone":
            lines.append(f"{who} is gone since {_ago(snapshot)}; the same command resumes")
            return lines, 4
    fresh = time.time() - snapshot.updated_at < FRESH_S
    lines.append(f"{who} was heard of {_ago(snapshot)}; it cannot be seen from here")
    return lines, 0 if fresh else 4


def _ago(snapshot: Snapshot) -> str:
    return f"{text.duration(max(0.0, time.time() - snapshot.updated_at))} ago"


def writer_of(snapshot: Snapshot) -> Writer:
    """Whether the process that wrote a snapshot is still there.

    The lock is not tried: holding it for a moment could make a run that starts just then refuse.
    """
    if snapshot.host != socket.gethostname() or snapshot.pid <= 0:
        return "unknown"
    try:
        os.kill(snapshot.pid, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:  # somebody else's process, so there is one
        pass
    started = _started_at(snapshot.pid)
    # A process that began after the snapshot was written has only inherited the number.
    return "gone" if started is not None and started > snapshot.updated_at + 5.0 else "alive"


def _started_at(pid: int) -> float | None:
    """When a process began, seconds since the epoch; None where /proc does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        ticks = int(stat.rpartition(b")")[2].split()[19])
        boot = Path("/proc/stat").read_bytes().partition(b"btime ")[2].split()[0]
        return int(boot) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def count_lines(path: Path) -> int:
    """Lines of a file, 0 if there is none."""
    lines = 0
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                lines += block.count(b"\n")
    except FileNotFoundError:
        pass
    return lines
