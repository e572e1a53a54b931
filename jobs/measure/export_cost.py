"""What each kind of export costs: a million records, five classes each, and one in fifty failed.

    python -m jobs.measure.export_cost [KIND …] [--records 1000000] [--folder DIR] [--long]

Each kind runs as a process of its own. It prints its wall and processor time, the most memory that
it held (VmHWM: what `getrusage` calls its maximum is inherited by exec), and what it wrote.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.export.kind import KINDS
from batchcls.results import record

CLASSES = 1000
AT_ONCE = 50_000
BESIDE_IMAGES = frozenset({"folders", "xmp"})
PROGRAM = """
import json, sys, time
from pathlib import Path
from batchcls.cli.main import main
began = time.monotonic()
code = main(sys.argv[1:])
status = Path("/proc/self/status").read_text()
print(json.dumps({
    "code": code, "s": time.monotonic() - began, "cpu_s": time.process_time(),
    "mb": int(status.split("VmHWM:")[1].split()[0]) / 1024,
}))
"""


class Cost(NamedTuple):
    """What a command took: seconds, and MB at most."""

    s: float
    cpu_s: float
    mb: float


def put_results(path: Path, count: int) -> None:
    """Results as of a model of a thousand classes, in the order of a walk."""
    with path.open("wb") as file:
        for start in range(0, count, AT_ONCE):
            file.writelines(_lines(range(start, min(start + AT_ONCE, count))))


def _lines(some: range) -> Iterator[bytes]:
    failure = Failure("truncated", "the file ends before the picture does (no end marker)")
    tops = [
        [Prediction(c, f"class {c}, kind of thing", 0.9 / n) for n, c in enumerate(classes, 1)]
        for classes in (
            [(first * 7 + n * 131) % CLASSES for n in range(5)] for first in range(CLASSES)
        )
    ]
    for index in some:
        image = ImageRef(index, f"d{index >> 12:04d}/image_{index:08d}.jpg")
        if index % 50 == 7:
            yield record.failure_line(image, failure) + b"\n"
        else:
            yield record.ok_line(image, tops[index % CLASSES]) + b"\n"


def put_pictures(folder: Path, count: int) -> None:
    """Files where the images of such results are, for the kinds that touch them; empty ones."""
    for index in range(count):
        path = folder / f"d{index >> 12:04d}/image_{index:08d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()


def cost_of(words: Sequence[str], cwd: Path | None = None) -> Cost:
    """Run a command of batchcls, in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE, check=True, text=True, cwd=cwd,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    if found.pop("code"):
        raise RuntimeError(f"batchcls {' '.join(words)} failed")
    return Cost(**found)


def size_of(out: Path) -> int:
    """Bytes of an export; links count as themselves."""
    files = [out] if out.is_file() else [path for path in out.rglob("*") if not path.is_dir()]
    return sum(path.lstat().st_size for path in files)


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to work; its results are kept")
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        results = folder / f"results-{options.records}.jsonl"
        if BESIDE_IMAGES & {*options.kinds}:
            put_pictures(folder, options.records)  # before the results: later is changed since
        if not results.exists():
            put_results(results, options.records)
        print(f"{results}: {results.stat().st_size / 1e6:,.0f} MB")
        for kind in options.kinds:
            out = folder / f"out-{kind}"
            words = ["export", str(results), "--to", kind, "-o", str(out)]
            cost = cost_of(words + ["--long"] * options.long, cwd=folder)
            print(
                f"{kind:12} {cost.s:6.1f} s  {cost.cpu_s:6.1f} s CPU  {cost.mb:5.0f} MB  "
                f"wrote {size_of(out) / 1e6:,.0f} MB",
                flush=True,
            )
            if out.is_dir():
                shutil.rmtree(out)
            else:
                out.unlink()


if __name__ == "__main__":
    main()
