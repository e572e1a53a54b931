"""Nodes of a Ray cluster lost in every way, and drivers killed, many times each on real runs.

    python -m jobs.measure.ray_kills IMAGES MODEL [--kills 20] [--ways killed stopped …] [--seed 1]

Needs Ray, and is started in the folder of the sources: it uses what the tests do. On this machine
it starts a head, two nodes of one processor and, for each kill, a third, which is lost at a random
moment: `killed` ends its raylet, `bereft` its agent, `stopped` halts all of its processes, `cut`
takes its network away (only as root). `driver` kills the driver instead, again and again, and has
another one go on. After each kill the run must end with the bytes of one machine, within 45 s and
as long as the whole run takes; a line is printed for each, and one for each way at the end. The
exit status is 1 where a byte differs, a run fails, or anything is left on a node.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.processes import gone_within
from tests.support.program import Program
from tests.support.ray_nodes import STRIKES, RayNodes, Wire, of_ours

AGAIN_S = 45.0
END_S = 10.0


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

    def node(self, strike: Callable[[Any], None]) -> float:
        """Lose a node; seconds from then to the end of the run."""
        return self._lose(self._nodes.add(1), strike)

    def cut(self) -> float:
        """Cut a node off; seconds from then to the end of the run."""
        wire = Wire(1)
        try:
            with wire.inside():
                node = self._nodes.add(1, node_ip_address=wire.address)
            return self._lose(node, lambda _: wire.cut())
        finally:
            wire.remove()

    def driver(self) -> float:
        """Kill a driver and let another one go on; seconds until nothing of the first is left."""
        program = self._begin(2)
        time.sleep(self._chance.uniform(0, self._takes / 2))
        left = of_ours(self._nodes.nodes)
        began = time.monotonic()
        program.process.kill()
        program.process.communicate()
        if not gone_within(left, END_S):
            raise AssertionError("something is left on a node")
        took = time.monotonic() - began
        self._see_through(self._begin(0))
        return took

    def _lose(self, node: Any, strike: Callable[[Any], None]) -> float:
        try:
            program = self._begin(3)
            time.sleep(self._chance.uniform(0, self._takes / 4))
            began = time.monotonic()
            strike(node)
            self._see_through(program)
            return time.monotonic() - began
        finally:
            self._nodes.remove(node)

    def _begin(self, machines: int) -> Program:
        program = Program(*self._job, self._output, options=("-w", "1", "--cluster", "ray"))
        while machines and program.process.poll() is None and not program.running(machines):
            time.sleep(0.02)
        return program

    def _see_through(self, program: Program) -> None:
        code, _, said = program.end(2 * AGAIN_S + 5 * self._takes)
        if code or self._output.read_bytes() != self._whole:
            raise AssertionError(said or "other bytes")
        self._output.unlink()


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
                for number in range(1, asked.kills + 1):
                    try:
                        one = kills.node(STRIKES[way]) if way in STRIKES else getattr(kills, way)()
                    except (AssertionError, subprocess.TimeoutExpired) as error:
                        wrong += 1
                        print(f"{way} {number}: WRONG: {error}", flush=True)
                        continue
                    took.append(one)
                    print(f"{way} {number}: {one:.1f} s", flush=True)
                longest = max(took, default=0.0)
                print(f"{way}: {len(took)} of {asked.kills} right, longest {longest:.1f} s")
        finally:
            kills.close()
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
