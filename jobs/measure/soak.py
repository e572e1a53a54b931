"""Load held: a real run for minutes while its workers are killed, and what that did to it.

    python -m jobs.measure.soak [--minutes 10] [--kill-every 30] [--data FOLDER]

A worker is killed every 30 seconds. Once a second it looks at the run from outside: resident memory
of the coordinator and its workers, open files, zombies, images answered. It prints the memory's
slope after warm-up, and the throughput of the first and the last minute, also for each second of
CPU time, which what else the machine does changes less; the exit status is 1 where
that misses what the project promises (memory under 1 MB a minute, files and zombies flat, the last
minute at least 95 % of the first). Images and model are those of `--data` or BATCHCLS_REAL_DATA
(folders `photos` and `models`), or `--images` and `--model`, under so many names that each is a
line of its own; where none is given, it draws some, for the built-in model.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = "models/tf2_mobilenet_v2_1.0_224_ptq.tflite"
NAMES_PER_SECOND = 400
"""Names made for each second of the run: more than a small machine labels."""


def stat(pid: int) -> list[str]:
    """Fields of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def resident(pid: int) -> float:
    """Megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def children(pid: int) -> list[tuple[int, str, float]]:
    """Processes below this one, with their states and megabytes."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = stat(int(entry.name))[:2]
                if int(parent) == pid:
                    found.append((int(entry.name), state, resident(int(entry.name))))
            except OSError:
                continue
    return found


def cpu_seconds(pid: int) -> float:
    """Of a process, its living children, and those that it has buried."""
    ticks = sum(map(int, stat(pid)[11:15]))
    for child, _, _ in children(pid):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, stat(child)[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def slope(points: list[tuple[float, float]]) -> float:
    """Of the least-squares line, per second."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def rate(points: list[tuple[float, float]]) -> float:
    """Per second, from the first to the last of (time, count) points."""
    (start, before), (end, after) = points[0], points[-1]
    return (after - before) / (end - start) if end > start else 0.0


def draw(folder: Path, count: int) -> None:
    """Some pictures."""
    import cv2
    import numpy as np

    chance = np.random.default_rng(1)
    folder.mkdir(parents=True)
    for number in range(count):
        noise = chance.integers(0, 255, (60, 80, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:03}.jpg"), cv2.resize(noise, (640, 480)))


def multiply(images: Path, folder: Path, count: int) -> None:
    """So many names for the images of a folder, a thousand to a directory."""
    originals = sorted(path.resolve() for path in images.iterdir() if path.is_file())
    for number in range(count):
        original = originals[number % len(originals)]
        within = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            within.mkdir(parents=True)
        (within / f"{number:07}{original.suffix}").symlink_to(original)


def add_images(parser: argparse.ArgumentParser) -> None:
    """The options that say what is labelled."""
    real = os.environ.get("BATCHCLS_REAL_DATA") or None
    parser.add_argument("--data", type=Path, default=real, help="folder of photos and models")
    parser.add_argument("--images", type=Path, help="instead of its photos")
    parser.add_argument("--model", help="instead of its MobileNet")


def prepare(folder: Path, options: argparse.Namespace, count: int) -> list[str]:
    """Names in `folder`, and the words of a command line that label them."""
    images, model = options.images, options.model
    if images is None and options.data is not None:
        images, model = options.data / "photos", model or str(options.data / MODEL)
    if images is None:
        images = folder / "drawn"
        draw(images, 50)
    multiply(images, folder / "names", count)
    return [str(folder / "names"), *(["-m", model] if model else [])]


def soak(words: list[str], folder: Path, seconds: float, kill_every: float) -> dict[str, float]:
    """Run for so long; what was seen."""
    output = folder / "results.jsonl"
    run = subprocess.Popen(
        [sys.executable, "-m", "batchcls", "run", *words, "-o", str(output),
         "--progress", "none", "--number-iter", "1000"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=folder,
    )  # fmt: skip
    progress = folder / "results.jsonl.job/progress.json"
    memory: list[tuple[float, float]] = []
    workers_memory: list[tuple[float, float]] = []
    done: list[tuple[float, float]] = []
    spent: list[tuple[float, float]] = []
    files: list[int] = []
    zombies = kills = 0
    began = last_kill = 0.0
    told = {}
    while not began or time.monotonic() - began < seconds:
        time.sleep(1)
        if run.poll() is not None:
            raise SystemExit(f"the run ended with {run.returncode}")
        if not output.with_name("results.jsonl.part").exists() or not progress.exists():
            continue
        told = json.loads(progress.read_text())
        if told["startup_s"] is None:
            continue
        now = time.monotonic()
        began, last_kill = began or now, last_kill or now
        memory.append((now - began, resident(run.pid)))
        files.append(len(list(Path(f"/proc/{run.pid}/fd").iterdir())))
        done.append((told["elapsed_s"] - told["startup_s"], told["answered"]))
        spent.append((cpu_seconds(run.pid), told["answered"]))
        workers = children(run.pid)
        workers_memory.append((now - began, max((mb for _, _, mb in workers), default=0.0)))
        zombies = max(zombies, sum(state == "Z" for _, state, _ in workers))
        if kill_every and now - last_kill > kill_every and workers:
            os.kill(random.choice(workers)[0], signal.SIGKILL)
            kills, last_kill = kills + 1, now
    run.terminate()
    run.wait(30)
    lines = output.with_name("results.jsonl.part").read_bytes().count(b"\n")
    window = min(60, seconds / 3)
    early = sum(at <= window for at, _ in done)
    late = sum(at <= done[-1][0] - window for at, _ in done)
    first, last = rate(done[:early]), rate(done[late:])
    first_cpu, last_cpu = rate(spent[:early]), rate(spent[late:])
    third = len(files) // 3
    return {
        "seconds": seconds,
        "kills": kills,
        "restarts": sum({row["worker"]: row["restarts"] for row in told["workers"]}.values()),
        "images": done[-1][1],
        "lines": lines,
        "first_per_s": first,
        "last_per_s": last,
        "last_to_first": last / first if first else 0.0,
        "the_same_per_cpu_s": last_cpu / first_cpu if first_cpu else 0.0,
        "mb": memory[-1][1],
        "mb_per_minute": slope([point for point in memory if point[0] > window]) * 60,
        "worker_mb_at_first": max(mb for _, mb in workers_memory[:third]),
        "worker_mb_at_last": max(mb for _, mb in workers_memory[-third:]),
        "files_at_first": max(files[:third]),
        "files_at_last": max(files[-third:]),
        "zombies": zombies,
    }


def missed(seen: dict[str, float]) -> list[str]:
    """What falls short of the promise."""
    return [
        name
        for name, held in {
            "mb_per_minute": seen["mb_per_minute"] < 1,
            "last_to_first": seen["last_to_first"] >= 0.95,
            "files": seen["files_at_last"] <= seen["files_at_first"] + 1,  # one being written
            "zombies": seen["zombies"] <= 1,  # one that died a moment ago
        }.items()
        if not held
    ]


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kill-every", type=float, default=30)
    add_images(parser)
    options = parser.parse_args()
    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        count = int(seconds * NAMES_PER_SECOND)
        words = prepare(folder, options, count)
        seen = soak(words, folder, seconds, options.kill_every)
    for key, value in seen.items():
        print(f"{key:18} {value:12,.2f}")
    if short := missed(seen):
        raise SystemExit(f"falls short: {', '.join(short)}")


if __name__ == "__main__":
    main()
