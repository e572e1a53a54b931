"""What Ray costs: the start and the rate of two nodes of one core against two local workers.

    python -m jobs.measure.ray_cost IMAGES MODEL [--rounds 7]

Needs Ray, a machine of two cores that does nothing else, and the folder of the sources, as it uses
what the tests do. It starts a head and two nodes of one processor on this machine, notes how much
processor time Ray's daemons take while nothing runs, and then runs the job on both in turns. Of
each it prints seconds to the first record, images/s from there to the end, and the processor time
of the driver (with the process that speaks with Ray) for each image; at the end the medians, and
the ratio of rates as it is and with the daemons' idle time taken off the machine.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import children, state, words
from tests.support.program import Program
from tests.support.ray_nodes import RayNodes, tree

IDLE_S = 30.0
LOOK_S = 0.05
CORES = 2
TICK = os.sysconf("SC_CLK_TCK")
BOTH = {"local": ("-w", "2"), "ray": ("-w", "1", "--cluster", "ray")}


def cpu_s(pids: list[int]) -> float:
    """Processor seconds that these have taken, and those that they have buried."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := state(pid))) / TICK


@dataclass
class Seen:
    """What was seen of one run: seconds, images a second, processor microseconds an image."""

    first_s: float
    rate: float
    driver_us: float


def look(images: Path, model: Path, output: Path, options: tuple[str, ...], count: int) -> Seen:
    """Run the job and look at it from outside."""
    began = time.monotonic()
    program = Program(images, model, output, options=("--progress", "none", *options))
    first = cpu_first = cpu = 0.0
    while program.process.poll() is None:
        pid = program.process.pid
        carrier = [one for one in children(pid) if "ray_carrier" in words(one)]
        # What it has buried are its workers; of these it is not to be blamed.
        own = [state(one)[11:13] for one in (pid, *carrier)]
        cpu = max(cpu, sum(int(field) for fields in own for field in fields) / TICK)
        if not first and program.paths.part.exists() and program.paths.part.stat().st_size:
            first, cpu_first = time.monotonic(), cpu
        time.sleep(LOOK_S)
    ended = time.monotonic()
    code, _, said = program.end()
    if code:
        raise SystemExit(said)
    output.unlink()
    return Seen(first - began, count / (ended - first), (cpu - cpu_first) / count * 1e6)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    count = sum(len(files) for _, _, files in os.walk(asked.images))
    with tempfile.TemporaryDirectory() as folder:
        nodes = RayNodes(Path(folder) / "home", 1, 1)
        try:
            os.environ["RAY_ADDRESS"] = nodes.address
            time.sleep(IDLE_S)  # until they have started whatever they start
            daemons = tree(os.getpid())[1:]
            before = cpu_s(daemons)
            time.sleep(IDLE_S)
            idle = (cpu_s(daemons) - before) / IDLE_S
            print(f"Ray's {len(daemons)} processes take {idle:.3f} of a core, idle", flush=True)
            seen: dict[str, list[Seen]] = {name: [] for name in BOTH}
            for _ in range(asked.rounds):
                for name, options in BOTH.items():
                    output = Path(folder) / "results.jsonl"
                    seen[name].append(look(asked.images, asked.model, output, options, count))
                    print(name, seen[name][-1], flush=True)
        finally:
            nodes.close()
    for what in ("first_s", "rate", "driver_us"):
        medians = {n: statistics.median(getattr(s, what) for s in seen[n]) for n in BOTH}
        print(what, {name: round(median, 2) for name, median in medians.items()})
    pairs = zip(seen["ray"], seen["local"], strict=True)
    raw = statistics.median(ray.rate / local.rate for ray, local in pairs)
    print(f"ratio {raw:.3f} as it is, {raw / (1 - idle / CORES):.3f} without the idle daemons")


if __name__ == "__main__":
    main()
