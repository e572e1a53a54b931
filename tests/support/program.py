"""The real program as a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from batchcls.results.rundir import RunPaths
from tests.support.processes import PATIENCE_S, children


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
        return children(self.process.pid)

    def wait_for_work(self) -> None:
        """Until its workers are ready and have images."""
        deadline = time.monotonic() + PATIENCE_S
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
        # The row of a machine says how many it has.
        rows = [row for row in told["workers"] if row["state"] == "running"]
        at_work = sum(int(row.get("workers", 1)) for row in rows)
        return bool(told["pid"] == self.process.pid and at_work >= workers)

    def end(self, seconds: float = PATIENCE_S) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err
