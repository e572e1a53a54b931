"""Measuring processes started together, and made to measure in step."""

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.backends import launch
from batchcls.backends.environment import environment
from batchcls.errors import BatchclsError, raised_elsewhere

LEAVE_S = 2.0


class Children:
    """Measuring processes, all loaded and waiting.

    Args:
        orders: one per process, for `batchcls.bench.child`.

    Raises:
        BatchclsError: one of them says that the job is wrong, or ends.
    """

    def __init__(self, orders: Sequence[Mapping[str, Any]]) -> None:
        self._popens: list[subprocess.Popen[str]] = []
        try:
            for order in orders:
                popen = subprocess.Popen(
                    launch.command("batchcls.bench.child"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment(),
                )
                self._popens.append(popen)
                self._send(popen, json.dumps(order))
            self.about = [self._receive(popen) for popen in self._popens]
        except BaseException:
            self.close()
            raise

    def measure(self) -> list[dict[str, Any]]:
        """One measurement of all at the same time."""
        for popen in self._popens:
            self._send(popen, "")
        return [self._receive(popen) for popen in self._popens]

    def close(self) -> None:
        """End them all."""
        for popen in self._popens:
            with contextlib.suppress(OSError):
                if popen.stdin:
                    popen.stdin.close()
            try:
                popen.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()
            if popen.stdout:
                popen.stdout.close()

    @staticmethod
    def _send(popen: subprocess.Popen[str], line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # `_receive` says that it has ended
            if popen.stdin:
                popen.stdin.write(line + "\n")
                popen.stdin.flush()

    @staticmethod
    def _receive(popen: subprocess.Popen[str]) -> dict[str, Any]:
        line = popen.stdout.readline() if popen.stdout else ""
        if not line:
            raise BatchclsError(f"a measuring process ended (exit status {popen.wait()})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise raised_elsewhere(answer["error"], answer["message"])
        return answer
