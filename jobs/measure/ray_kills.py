"""Nodes of a Ray cluster lost in every way, and drivers killed, many times each on real runs.

    python -m jobs.measure.ray_kills IMAGES MODEL [--kills 20] [--ways killed stopped …] [--seed 1]

Needs Ray, and is started in the folder of the sources: it uses what the tests do. On this machine
it starts a head, two nodes of one processor and, for each kill, a third, which is lost at a random
moment: `killed` ends its raylet, `bereft` its agent, `stopped` halts all of its processes, `cut`
takes its network away (only as root). `driver` kills the driver instead, again and again, and has
another one go on. The run must notice within 45 s, and end with the bytes of one machine; a
line is printed for each kill, and one for each way at the end. What hits no run at work, as it was
over before, does not count and is tried again. The exit status is 1 where a byte differs, a run
fails, or anything is left on a node.
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.processes import gone_within
from tests.support.program import Program
from tests.support.ray_nodes import STRIKES, RayNodes, Wire, of_ours, tree

AGAIN_S = 45.0
END_S = 10.0


class NoKillError(Exception):
    """The run was over before, or lost nothing: this was no kill."""


class Kills:
    """The cluster and the run that all kills are tried on.

    Args:
        images: folder of images.
        model: to label them.
        folder: for results.
        chance: chooses the moments.
    """

    def __init__(self, images: Path, model: Path, folder: Path, chance: random.Random) -> None:
        self._job = (images, model)
        self._output = folder / "results.jsonl"
        self._chance = chance
        began = time.monotonic()
        here = Program(*self._job, folder / "here.jsonl")
        code, _, said = here.end(3600)
        if code:
            raise SystemExit(said)
        self._takes = time.monotonic() - began
        self._whole = here.paths.results.read_bytes()
        self._nodes = RayNodes(folder / "home", 1, 1)
        os.environ["RAY_ADDRESS"] = self._nodes.address

    def close(self) -> None:
        """End the cluster."""
        self._nodes.close()

    def node(self, strike: Callable[[Any], None]) -> tuple[float, float]:
        """Lose a node; seconds from then until the run notices, and to the run's end."""
        return self._lose(self._nodes.add(1), strike)

    def cut(self) -> tuple[float, float]:
        """Cut a node off; as `node`."""
        wire = Wire(1)
        try:
            with wire.inside():
                node = self._nodes.add(1, node_ip_address=wire.address)
            return self._lose(node, lambda _: wire.cut())
        finally:
            wire.remove()

    def driver(self) -> tuple[float, float]:
        """Kill a driver and let another one go on.

        Returns:
            seconds until nothing of the first is left, and to the end of the second.
        """
        with self._begun(2) as program:
            time.sleep(self._chance.uniform(0, self._takes / 2))
            left = [*of_ours(self._nodes.nodes), *tree(program.process.pid)]
            began = time.monotonic()
            program.process.kill()
            program.process.communicate()
            if program.paths.results.exists():
                raise NoKillError
            if not gone_within(left, END_S):
                raise AssertionError("something is left on a node")
            took = time.monotonic() - began
            with self._begun(0) as successor:
                self._see_through(successor)
            return took, time.monotonic() - began

    def _lose(self, node: Any, strike: Callable[[Any], None]) -> tuple[float, float]:
        try:
            with self._begun(3) as program:
                time.sleep(self._chance.uniform(0, self._takes / 4))
                began, struck = time.monotonic(), datetime.now()
                strike(node)
                if not program.paths.part.exists():
                    raise NoKillError
                self._see_through(program)
                took = time.monotonic() - began
                lost = _lost(program.paths.log, struck)
        finally:
            self._nodes.remove(node)
        if lost > AGAIN_S:
            raise AssertionError(f"noticed after {lost:.1f} s only")
        return lost, took

    @contextlib.contextmanager
    def _begun(self, machines: int) -> Iterator[Program]:
        """The run, with so many machines at work; the outermost leaves nothing of it."""
        program = Program(*self._job, self._output, options=("-w", "1", "--cluster", "ray"))
        try:
            while machines and not program.running(machines):
                if program.process.poll() is not None:
                    code, _, said = program.end()
                    raise AssertionError(said) if code else NoKillError
                time.sleep(0.02)
            yield program
        finally:
            program.process.kill()
            program.process.communicate()
            if machines:
                for path in (self._output, program.paths.part):
                    path.unlink(missing_ok=True)
                shutil.rmtree(program.paths.directory, ignore_errors=True)

    def _see_through(self, program: Program) -> None:
        code, _, said = program.end(2 * AGAIN_S + 5 * self._takes)
        if code or self._output.read_bytes() != self._whole:
            raise AssertionError(said or "other bytes")


def _lost(log: Path, struck: datetime) -> float:
    """Seconds until a run noticed that a machine is lost, by its log."""
    for line in log.read_text().splitlines():
        if " is lost (" in line:
            return (datetime.fromisoformat(line[:23]) - struck).total_seconds()
    raise NoKillError


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--ways", nargs="+", default=[*STRIKES, "cut", "driver"])
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        kills = Kills(asked.images, asked.model, Path(folder), random.Random(asked.seed))
        try:
            for way in asked.ways:
                took = []
                tried = in_vain = 0
                while tried < asked.kills and in_vain < asked.kills:
                    try:
                        one = kills.node(STRIKES[way]) if way in STRIKES else getattr(kills, way)()
                        took.append(one)
                        said = f"noticed after {one[0]:.1f} s, complete after {one[1]:.1f} s"
                    except NoKillError:
                        in_vain += 1
                        print(f"{way}: hit no run at work; again", flush=True)
                        continue
                    except (AssertionError, subprocess.TimeoutExpired) as error:
                        said = f"WRONG: {error}"
                    tried += 1
                    print(f"{way} {tried}: {said}", flush=True)
                wrong += asked.kills - len(took)
                noticed, complete = (max(seconds) for seconds in zip(*took, (0, 0), strict=True))
                print(
                    f"{way}: {len(took)} of {asked.kills} right, noticed after {noticed:.1f} s "
                    f"and complete after {complete:.1f} s at the latest",
                    flush=True,
                )
        finally:
            kills.close()
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
