"""Runs a program with every look-up and connection of it and its children noted, and refused.

With a C compiler a small library is put into each process, where native code and Python that
was started without its environment variables do not get past it; without one, Python's own audit
hook sees at least what Python programs do. Nothing reaches the network in either case.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COMPILER = shutil.which("cc") or shutil.which("gcc")
WAYS = ("native", "python") if COMPILER else ("python",)
SILENCING = ("CI", "TF_BUILD", "JENKINS_URL", "NNCF_CI", "NNCF_DEV")
"""Where one of these is set, telemetry keeps silent, and there would be nothing to see."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Seen:
    """What a program did.

    Attributes:
        done: how it ended.
        calls: its and its children's calls for the network, as ``what TAB about TAB command``.
        processes: the command lines of the processes that were watched.
    """

    done: subprocess.CompletedProcess[str]
    calls: list[str]
    processes: list[str]


class Watch:
    """Watches programs, each with an empty home directory: no consent given, none refused."""

    def __init__(self, folder: Path, way: str = WAYS[0]) -> None:
        """Compile what watches.

        Args:
            folder: an empty one for it.
            way: one of `WAYS`.
        """
        self.home, self._log = folder / "home", folder / "log"
        self.home.mkdir()
        self._preload: dict[str, str] = {}
        path = os.environ.get("PYTHONPATH", "")
        if way == "native" and COMPILER:
            library, source = folder / "network.so", _HERE / "network.c"
            flags = ("-O1", "-shared", "-fPIC", "-ldl")
            subprocess.run([COMPILER, str(source), "-o", str(library), *flags], check=True)
            self._preload["LD_PRELOAD"] = str(library)
        else:
            path = os.pathsep.join(filter(None, [str(_HERE / "watched_python"), path]))
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in SILENCING},
            **self._preload,
            "PYTHONPATH": path,
            "HOME": str(self.home),
            "BATCHCLS_TEST_NETWORK_LOG": str(self._log),
        }

    def run(self, command: Sequence[str | Path], folder: Path, timeout: float = 55) -> Seen:
        """Run a program to its end.

        Args:
            command: with its arguments.
            folder: the working directory.
            timeout: seconds.
        """
        self._log.unlink(missing_ok=True)
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL,
            cwd=folder, env=self._environment, timeout=timeout, check=False,
        )  # fmt: skip
        lines = self._log.read_text(errors="replace").splitlines()
        started = "process\t\t"
        return Seen(
            done,
            [line for line in lines if not line.startswith(started)],
            [line.removeprefix(started) for line in lines if line.startswith(started)],
        )
