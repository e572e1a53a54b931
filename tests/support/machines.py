"""Several machines, which are agents of this one behind a stand-in for `srun`."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.program import Program

LAUNCHER = Path(__file__).with_name("launcher.py")


def launcher(copies: int) -> str:
    """For ``--cluster``."""
    return shlex.join([sys.executable, str(LAUNCHER), str(copies), "--"])


class Machines(Program):
    """`batchcls run` on so many machines.

    Args:
        prefixes: what each machine's agent is started by; "" = as it is.
    """

    def __init__(
        self,
        images: Path,
        model: Path,
        output: Path,
        prefixes: Sequence[str] = ("", ""),
        options: Sequence[str] = (),
    ) -> None:
        self._launched = output.with_name(f"{output.name}.launched")
        named = {f"PREFIX_{number}": prefix for number, prefix in enumerate(prefixes)}
        super().__init__(
            images, model, output,
            options=("-w", "1", "--cluster", launcher(len(prefixes)), *options),
            env={**os.environ, **named, "LAUNCHED": str(self._launched)},
        )  # fmt: skip

    def agents(self) -> list[int]:
        """Their process numbers."""
        return [int(word) for word in self._launched.read_text().split()]

    def log(self) -> str:
        """What the run's log says."""
        return self.paths.log.read_text()
