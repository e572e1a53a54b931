"""Runs `batchcls run` and prints one line of JSON: when its first line was there, how fast it was.

The driver of the peers reads that line (n_images, t_start_to_first, t_steady). Times count from
BENCH_T0, the moment at which the driver started this process.

    python timed_run.py OUTPUT ARGUMENTS…
"""

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

STEP_S = 0.02


def lines(path: Path, seen: tuple[int, int]) -> tuple[int, int]:
    """Bytes and lines of a growing file, from those seen so far."""
    size, count = seen
    try:
        with path.open("rb") as file:
            file.seek(size)
            new = file.read()
    except OSError:
        return seen
    return size + len(new), count + new.count(b"\n")


def main() -> int:
    """Run, watch the results grow, tell."""
    begun = float(os.environ.get("BENCH_T0", time.monotonic()))
    output = Path(sys.argv[1])
    words = [sys.executable, "-m", "batchcls", "run", *sys.argv[2:], "--output", str(output)]
    running = subprocess.Popen([*words, "--progress", "none", "--fresh"])
    growth: list[tuple[float, int]] = []
    seen = (0, 0)
    part = output.with_name(output.name + ".part")
    while running.poll() is None:
        seen = lines(part, seen)
        growth.append((time.monotonic(), seen[1]))
        time.sleep(STEP_S)
    if running.returncode:
        return running.returncode
    count = lines(output, (0, 0))[1]
    first = next((at for at, done in growth if done), growth[-1][0])
    inner = [(at, done) for at, done in growth if 0.1 * count <= done <= 0.9 * count]
    steady = None
    if len(inner) > 2 and inner[-1][1] > inner[0][1]:
        # The results grow in steps: from one step to another, not from any moment to any other.
        steps = [inner[0]] + [b for a, b in pairwise(inner) if b[1] > a[1]]
        begin, end = steps[min(1, len(steps) - 1)], steps[-1]
        if end[1] > begin[1]:
            steady = (count - 1) * (end[0] - begin[0]) / (end[1] - begin[1])
    print(
        json.dumps({"n_images": count, "t_start_to_first": first - begun, "t_steady": steady}),
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
