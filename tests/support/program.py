"""The real program as a process, and processes looked at from outside."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from batchcls.results.rundir import RunPaths


class Program:
    """`batchcls run` as its own process group leader, with its results somewhere."""

    def __init__(
        self,
        images: Path,
        model: Path,
        output: Path,
        *prefix: str,
        options: Sequence[str] = (),
        **how: object,
    ) -> None:
        self.paths = RunPaths.of(output)
        command = [
            sys.executable, "-m", "batchcls", "run", str(images), "-m", str(model),
            "-o", str(output), "--progress", "plain", "-w", "2", *options,
        ]  # fmt: skip
        streams = {
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **how,
        }  # fmt: skip
        self.process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]  # options by name
            [*prefix, *command], start_new_session=True, **streams
        )

    def workers(self) -> list[int]:
        return descendants(self.process.pid)

    def wait_for_work(self) -> None:
        """Until its workers are ready and have images."""
        deadline = time.monotonic() + 40
        while not self.paths.part.exists():
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.005)

    def running(self, workers: int = 1) -> bool:
        """Whether so many of its workers are at work, as it tells other terminals."""
        try:
            told = json.loads(self.paths.progress.read_text())
        except FileNotFoundError:
            return False
        at_work = [row for row in told["workers"] if row["state"] == "running"]
        return told["pid"] == self.process.pid and len(at_work) >= workers

    def end(self, seconds: float = 30) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


def descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone_within(pids: list[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
