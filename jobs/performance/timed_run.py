"""Runs `batchcls run` and prints one line of JSON: when its first line was there, how fast it was.

The driver of the peers reads that line (n_images, t_start_to_first, t_steady). Times count from the
moment at which batchcls is started, as the peers' count from the moment at which they are.

    python timed_run.py [--pty] OUTPUT ARGUMENTS…

With `--pty` it shows its dashboard on a terminal of 120 by 40, otherwise it shows nothing.
"""

import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
import threading
import time
from itertools import pairwise
from pathlib import Path

FIRST_STEP_S = 0.005
STEP_S = 0.01
ROWS, COLUMNS = 40, 120


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


def start(words: list[str], *, terminal: bool) -> subprocess.Popen[bytes]:
    """Start it, on a terminal that swallows what is drawn or with no display."""
    if not terminal:
        return subprocess.Popen([*words, "--progress", "none"])
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    running = subprocess.Popen(
        [*words, "--progress", "rich"], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )  # fmt: skip
    os.close(theirs)

    def swallow() -> None:
        with contextlib.suppress(OSError):  # the other side is closed
            while os.read(ours, 1 << 16):
                pass

    threading.Thread(target=swallow, daemon=True).start()
    return running


def steady_s(growth: list[tuple[float, int]], count: int) -> float | None:
    """From the first line to the last, as the peers count, at the rate of what came between.

    Nothing in between will do: lines are written in order, so those that one worker has ready wait
    for another's, and the file's rate from one step to the next is not the workers'.
    """
    steps = [after for before, after in pairwise(growth) if after[1] > before[1]]
    if len(steps) < 2 or steps[-1][1] < count:
        return None
    (begun, few), (ended, _) = steps[0], steps[-1]
    return (count - 1) * (ended - begun) / (count - few)


def main() -> int:
    """Run, watch the results grow, tell."""
    arguments = sys.argv[1:]
    terminal = arguments[0] == "--pty"
    output = Path(arguments[terminal])
    words = [sys.executable, "-m", "batchcls", "run", *arguments[1 + terminal :]]
    growth: list[tuple[float, int]] = []
    seen = (0, 0)
    part = output.with_name(output.name + ".part")
    begun = time.monotonic()
    running = start([*words, "--output", str(output), "--fresh"], terminal=terminal)
    while running.poll() is None:
        seen = lines(part if part.exists() or not seen[1] else output, seen)
        growth.append((time.monotonic(), seen[1]))
        time.sleep(STEP_S if seen[1] else FIRST_STEP_S)
    if running.returncode:
        return running.returncode
    count = lines(output, (0, 0))[1]
    growth.append((time.monotonic(), count))
    first = next((at for at, done in growth if done), growth[-1][0])
    told = {
        "n_images": count,
        "t_start_to_first": first - begun,
        "t_steady": steady_s(growth, count),
    }
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
