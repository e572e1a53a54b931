"""Load held: a real run for minutes while its workers are killed, and what that did to it.

    python jobs/soak.py [--minutes 10] [--kill-every 30] [--images FOLDER] [--model FILE]

A worker is killed every 30 seconds. Once a second it looks at the run from outside: resident memory
of the coordinator, open files, zombies, images done. It prints the memory's slope after
warm-up, and the throughput of the first and the last minute. Without --images it draws some.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def stat(pid: int) -> list[str]:
    """Fields of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> list[tuple[int, str]]:
    """Processes below this one, with their states."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = stat(int(entry.name))[:2]
            except OSError:
                continue
            if int(parent) == pid:
                found.append((int(entry.name), state))
    return found


def slope(points: list[tuple[float, float]]) -> float:
    """Of the least-squares line, per second."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def draw(folder: Path, count: int) -> None:
    """Some pictures, and links to them under names of their own."""
    import cv2
    import numpy as np

    chance = np.random.default_rng(1)
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        if number < 50:
            noise = chance.integers(0, 255, (60, 80, 3), np.uint8)
            cv2.imwrite(str(path), cv2.resize(noise, (640, 480)))
        else:
            os.link(folder / f"{number % 50:06}.jpg", path)


def soak(
    images: Path, model: str | None, folder: Path, seconds: float, kill_every: float
) -> dict[str, float]:
    """Run for so long; what was seen."""
    output = folder / "results.jsonl"
    command = [sys.executable, "-m", "batchcls", "run", str(images), "-o", str(output),
               "--progress", "none", "--number-iter", "1000000"]  # fmt: skip
    run = subprocess.Popen(
        command + (["-m", model] if model else []),
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=folder,
    )  # fmt: skip
    progress = folder / "results.jsonl.job/progress.json"
    memory: list[tuple[float, float]] = []
    done: list[tuple[float, float]] = []
    files: list[int] = []
    zombies = kills = 0
    began = last_kill = 0.0
    while not began or time.monotonic() - began < seconds:
        time.sleep(1)
        if run.poll() is not None:
            raise SystemExit(f"the run ended with {run.returncode}")
        if not output.with_name("results.jsonl.part").exists() or not progress.exists():
            continue
        now = time.monotonic()
        began, last_kill = began or now, last_kill or now
        pages = int(Path(f"/proc/{run.pid}/statm").read_text().split()[1])
        memory.append((now - began, pages * os.sysconf("SC_PAGE_SIZE") / 1e6))
        files.append(len(list(Path(f"/proc/{run.pid}/fd").iterdir())))
        snapshot = json.loads(progress.read_text())
        done.append((now - began, snapshot["done"]))
        workers = children(run.pid)
        zombies = max(zombies, sum(state == "Z" for _, state in workers))
        if kill_every and now - last_kill > kill_every and workers:
            os.kill(random.choice(workers)[0], signal.SIGKILL)
            kills, last_kill = kills + 1, now
    run.terminate()
    run.wait(30)
    warm = [point for point in memory if point[0] > min(60, seconds / 3)]
    window = min(60, seconds / 3)
    tail = done[-1][0]
    first = [n for at, n in done if at <= window]
    last = [n for at, n in done if at > tail - window]
    return {
        "kills": kills,
        "images": done[-1][1],
        "first_per_s": (first[-1] - first[0]) / max(len(first) - 1, 1),
        "last_per_s": (last[-1] - last[0]) / max(len(last) - 1, 1),
        "mb": memory[-1][1],
        "mb_per_minute": slope(warm) * 60,
        "files_at_first": max(files[: len(files) // 3]),
        "files_at_last": max(files[-len(files) // 3 :]),
        "zombies": zombies,
    }


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kill-every", type=float, default=30)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        images = options.images or folder / "images"
        if not options.images:
            draw(images, 5000)
        shown = soak(images, options.model, folder, options.minutes * 60, options.kill_every)
    for key, value in shown.items():
        print(f"{key:16} {value:,.2f}")


if __name__ == "__main__":
    main()
