"""Runs `batchcls run` and prints one line of JSON: when its first line was there, how fast it was.

The driver of the peers reads that line (n_images, t_start_to_first, t_steady). Times count from the
moment at which batchcls is started, as the peers' count from the moment at which they are. The
steady rate is the driver's own: between the 10th and the 90th percentile of completions.

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
from collections.abc import Sequence
from pathlib import Path

FIRST_STEP_S = 0.005
STEP_S = 0.01
TOGETHER_S = 0.03
"""Reports of a worker so soon after one are of the same turn."""
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


def completions(reports: Sequence[tuple[float, int, int]]) -> list[float]:
    """When each image was answered.

    A worker tells of a turn's images in its end, in one report or in several right behind each
    other; they are spread evenly over the time since its turn before.

    Args:
        reports: time, worker and number of images of each, in order of time.
    """
    turns: list[tuple[float, int, int]] = []
    places: dict[int, tuple[float, int]] = {}  # of a worker: its turn's first report, and where
    for at, worker, images in reports:
        first, place = places.get(worker, (float("-inf"), 0))
        if at - first <= TOGETHER_S:
            turns[place] = (at, worker, images + turns[place][2])
        else:
            places[worker] = at, len(turns)
            turns.append((at, worker, images))
    times: list[float] = []
    last: dict[int, float] = {}
    for at, worker, images in turns:
        since = last.get(worker, at)
        times += [since + (at - since) * n / images for n in range(1, images + 1)]
        last[worker] = at
    return sorted(times)


def steady_s(times: Sequence[float]) -> float | None:
    """How long all would take at the rate of the middle four fifths, as the driver counts its own.

    The results file cannot say: its lines are in order, so those that one worker has ready wait for
    another's, and the file's rate from one step to the next is not the workers'.
    """
    count = len(times)
    first, last = count // 10, count * 9 // 10
    if last <= first or times[last] <= times[first]:
        return None
    return (count - 1) * (times[last] - times[first]) / (last - first)


def main() -> int:
    """Run, watch the results grow, tell."""
    arguments = sys.argv[1:]
    terminal = arguments[0] == "--pty"
    output = Path(arguments[terminal])
    noted = output.with_name(output.name + ".noted")
    noting = Path(__file__).with_name("noting.py")
    words = [sys.executable, str(noting), str(noted), "run", *arguments[1 + terminal :]]
    seen = (0, 0)
    first = 0.0
    part = output.with_name(output.name + ".part")
    begun = time.monotonic()
    running = start([*words, "--output", str(output), "--fresh"], terminal=terminal)
    while running.poll() is None:
        if not first:
            seen = lines(part, seen)
            first = time.monotonic() if seen[1] else 0.0
        time.sleep(STEP_S if first else FIRST_STEP_S)
    if running.returncode:
        return running.returncode
    told = {
        "n_images": lines(output, (0, 0))[1],
        "t_start_to_first": (first or time.monotonic()) - begun,
        "t_steady": steady_s(completions(json.loads(noted.read_text(encoding="ascii")))),
    }
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
