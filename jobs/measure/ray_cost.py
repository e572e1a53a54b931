"""What machines cost: the start and the rate of two nodes of one core against two local workers.

    python -m jobs.measure.ray_cost IMAGES MODEL [--rounds 7] [--by ray stream]

Needs a machine of two cores that does nothing else, Ray for ``ray``, and the folder of the sources,
as it uses what the tests do. For ``ray`` it starts a head and two nodes of one processor on this
machine, notes how much processor time Ray's daemons take while nothing runs; for ``stream`` a
stand-in for `srun` starts two agents. Then it runs the job on all in turns. Of each it prints
seconds to the first record, images/s from there to the last, seconds from that to the end, and
processor time for each image: of the driver (with the process that speaks with Ray), and of the
rest by what it is. At the end the medians, and the ratios of rates as they are and, for Ray, with
the daemons' idle time taken off the machine.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.processes import alive, state, words
from tests.support.program import Program
from tests.support.ray_nodes import RayNodes, tree

IDLE_S = 30.0
LOOK_S = 0.05
CORES = 2
TICK = os.sysconf("SC_CLK_TCK")
LAUNCHER = Path(__file__).parents[2] / "tests" / "support" / "launcher.py"
WAYS = {
    "local": ("-w", "2"),
    "ray": ("-w", "1", "--cluster", "ray"),
    "stream": ("-w", "1", "--cluster", f"{sys.executable} {LAUNCHER} 2 --"),
}
KINDS = {
    "batchcls.worker": "workers", "backends.agent": "agents", "NodeActor": "actors",
    "launcher.py": "launcher", "raylet/raylet": "raylets", "gcs_server": "gcs",
}  # fmt: skip
"""What a command line tells."""


def own_s(pid: int) -> float:
    """Processor seconds that a process has taken, without those that it has buried."""
    return sum(int(field) for field in state(pid)[11:13]) / TICK


def kind(pid: int, driver: int) -> str:
    """What a process is, by its place or by its command line."""
    line = words(pid)
    if pid == driver or "ray_carrier" in line:
        return "driver"
    return next((name for word, name in KINDS.items() if word in line), "others")


def spent(driver: int, before: dict[int, float]) -> dict[str, float]:
    """Processor seconds so far of all that this program has started, by kind."""
    found: dict[str, float] = {}
    for pid in tree(os.getpid())[1:]:
        if not alive(pid):
            continue  # it does not say any more what it was
        of = kind(pid, driver)
        found[of] = found.get(of, 0.0) + own_s(pid) - before.get(pid, 0.0)
    return found


def look(
    images: Path, model: Path, output: Path, options: tuple[str, ...], count: int
) -> dict[str, float]:
    """Run the job and look at it from outside: seconds, images/s, µs of processor an image."""
    before = {pid: own_s(pid) for pid in tree(os.getpid())[1:]}
    began = time.monotonic()
    program = Program(images, model, output, options=("--progress", "none", *options))
    first = last = 0.0
    at_first: dict[str, float] = {}
    so_far: dict[str, float] = {}
    while program.process.poll() is None:
        written = program.paths.part.exists() and program.paths.part.stat().st_size
        if not first and written:
            first, at_first = time.monotonic(), spent(program.process.pid, before)
        if first and not last:
            for of, seconds in spent(program.process.pid, before).items():
                so_far[of] = max(seconds, so_far.get(of, 0.0))  # some end before the last line
            last = 0.0 if written else time.monotonic()
        time.sleep(LOOK_S)
    ended = time.monotonic()
    last = last or ended
    code, _, said = program.end()
    if code:
        raise SystemExit(said)
    output.unlink()
    seen = {"first_s": first - began, "rate": count / (last - first), "end_s": ended - last}
    return seen | {
        f"{k} us": (so_far[k] - at_first.get(k, 0.0)) / count * 1e6 for k in sorted(so_far)
    }


def started(folder: Path) -> float:
    """Start a cluster; the idle daemons' part of a core."""
    nodes = RayNodes(folder / "home", 1, 1)
    CLOSING.callback(nodes.close)
    os.environ["RAY_ADDRESS"] = nodes.address
    time.sleep(IDLE_S)  # until they have started whatever they start
    daemons = tree(os.getpid())[1:]
    before = sum(map(own_s, daemons))
    time.sleep(IDLE_S)
    idle = (sum(map(own_s, daemons)) - before) / IDLE_S
    print(f"Ray's {len(daemons)} processes take {idle:.3f} of a core, idle", flush=True)
    return idle


CLOSING = ExitStack()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--by", nargs="+", choices=["ray", "stream"], default=["ray"])
    asked = parser.parse_args()
    count = sum(len(files) for _, _, files in os.walk(asked.images))
    ways = ["local", *asked.by]
    os.environ.update({f"PREFIX_{core}": f"taskset -c {core}" for core in range(CORES)})
    with CLOSING:
        folder = Path(CLOSING.enter_context(tempfile.TemporaryDirectory()))
        idle = started(folder) if "ray" in ways else 0.0
        seen: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(asked.rounds):
            for way in ways:
                found = look(asked.images, asked.model, folder / "r.jsonl", WAYS[way], count)
                seen[way].append(found)
                print(way, {name: round(value, 2) for name, value in found.items()}, flush=True)
    for way in ways:
        names = dict.fromkeys(name for one in seen[way] for name in one)
        medians = {n: statistics.median(one.get(n, 0.0) for one in seen[way]) for n in names}
        print(way, "medians", {name: round(value, 2) for name, value in medians.items()})
    for way in asked.by:
        pairs = zip(seen[way], seen["local"], strict=True)
        raw = statistics.median(one["rate"] / local["rate"] for one, local in pairs)
        rest = f", {raw / (1 - idle / CORES):.3f} without the idle daemons" if way == "ray" else ""
        print(f"{way}: ratio {raw:.3f} as it is{rest}")


if __name__ == "__main__":
    main()
