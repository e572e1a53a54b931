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
APART_S = 0.2
"""Steps are a second apart; what is closer is one of them."""
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
    """How long all images would take at the rate between a tenth and nine tenths of them.

    The results grow in steps: what counts is from one step to another, not from any moment on. A
    step that was seen while it was written is one step, at its end.
    """
    steps: list[tuple[float, int]] = []
    for before, after in pairwise(growth):
        if after[1] > before[1]:
            if steps and after[0] - steps[-1][0] < APART_S:
                steps.pop()
            steps.append(after)
    inner = [(at, done) for at, done in steps if 0.1 * count <= done <= 0.9 * count]
    if len(inner) < 2:
        return None
    begin, end = inner[0], inner[-1]
    return (count - 1) * (end[0] - begin[0]) / (end[1] - begin[1])


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
        seen = lines(part, seen)
        growth.append((time.monotonic(), seen[1]))
        time.sleep(STEP_S if seen[1] else FIRST_STEP_S)
    if running.returncode:
        return running.returncode
    count = lines(output, (0, 0))[1]
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
