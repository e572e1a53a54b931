"""A million images through the real program: what the coordinator and an image cost.

    python -m jobs.measure.million [--images 1000000] [FOLDER]

The images are 8 x 8 pixels, names of a few files (hard links), so that next to nothing is decoded
and inferred: what is left is what batchcls itself takes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
LINKS = 60_000
"""Names of one file; ext4 allows 65,000."""


def tiny_model(path: Path) -> None:
    """The mean colour of 8 x 8 pixels as three classes."""
    import openvino as ov
    from openvino import opset13 as ops

    image = ops.parameter([1, 8, 8, 3], np.float32, name="image")
    mean = ops.reduce_mean(image, np.array([1, 2]), keep_dims=False)
    ov.save_model(ov.Model([ops.result(mean)], [image], "mean"), path)


def fill(folder: Path, count: int) -> None:
    """Make the names, a thousand to a folder."""
    for number in range(count):
        within = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            within.mkdir(parents=True)
        path = within / f"{number:07}.png"
        if number % LINKS == 0:
            original = path
            cv2.imwrite(str(path), np.full((8, 8, 3), number // LINKS * 9 % 255, np.uint8))
        else:
            os.link(original, path)


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="the figures as a line of JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        tiny_model(folder / "mean.xml")
        began = time.monotonic()
        fill(folder / "images", options.images)
        if not options.json:
            print(f"{options.images:,} names made in {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        run = subprocess.Popen(
            [sys.executable, "-m", "batchcls", "run", str(folder / "images"),
             "-m", str(folder / "mean.xml"), "-o", str(folder / "results.jsonl"),
             "--progress", "none"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        peak = seconds = 0.0
        tick = os.sysconf("SC_CLK_TCK")
        while run.poll() is None:
            try:
                status = Path(f"/proc/{run.pid}/status").read_text()
                fields = Path(f"/proc/{run.pid}/stat").read_text().rpartition(")")[2].split()
                seconds = (int(fields[11]) + int(fields[12])) / tick
                peak = float(status.partition("VmHWM:")[2].split()[0]) / 1000
            except (OSError, IndexError):
                break  # it has just ended
            time.sleep(0.2)
        code = run.wait()
        elapsed = time.monotonic() - began
        everything = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = everything.ru_utime + everything.ru_stime
        lines = sum(1 for _ in (folder / "results.jsonl").open("rb"))
        if options.json:
            told = {"lines": lines, "seconds": elapsed, "coordinator_s": seconds,
                    "coordinator_mb": peak, "cpu_s": cpu}  # fmt: skip
            print(json.dumps(told))
            return
        print(f"exit {code}, {lines:,} lines in {elapsed:.0f} s: {lines / elapsed:,.0f} images/s")
        print(f"coordinator: at most {peak:.0f} MB, {seconds / lines * 1e6:.0f} us an image")
        print(f"all processes: {cpu / lines * 1e6:.0f} us of processor an image")


if __name__ == "__main__":
    main()
