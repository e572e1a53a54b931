"""Runs the same photographs under every layout, and checks that the results are the same bytes.

    python -m jobs.parity.same_bytes --data ~/data

Workers 1 and 2, infer requests 1, 2, 4, batches of 1, 4, 8, with decode threads and in turns, one
device and two, processes and inline; for both MobileNets, computed exact and fast, and for the
built-in model, which is a floating-point one. Exit code 1 where any file differs; then it says how.
Needs no parity packages.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.backend import OpenBackend
from batchcls.backends.local import LocalBackend
from batchcls.job.job import Job
from batchcls.running.run import run
from tests.support.inline_backend import InlineBackend

VCPU = "VCPU=libopenvino_intel_cpu_plugin.so"
"""The CPU plugin under another name: a second real device."""

QUANTISED = ("mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite")
LAYOUTS: list[dict[str, Any]] = [
    {"workers": 1 + number % 2, "nireq": nireq, "batch_size": batch}
    for number, (nireq, batch) in enumerate(itertools.product((1, 2, 4), (1, 4, 8)))
]
"""Every two values of two options meet at least once."""
LAYOUTS += [{"workers": 2}, {"workers": 2, "decode_threads": 1}, {"workers": 1, "nstreams": "2"}]
"""The default, in which preparing and inferring take turns; threads that decode; two streams."""

TWO_DEVICES: list[dict[str, Any]] = [
    {"device": ("VCPU", "CPU"), "workers": workers, "nireq": nireq, "batch_size": batch}
    for workers, nireq, batch in ((1, 1, 1), (1, 4, 4), (2, 2, 1), (2, 4, 8))
]
INLINE: list[dict[str, Any]] = [
    {"nireq": nireq, "batch_size": batch} for nireq, batch in ((1, 1), (4, 4), (2, 8))
]
FIRST = LAYOUTS[0]


def main() -> int:
    """Run, compare, judge."""
    options = _options()
    photos = sorted((options.data / "photos").iterdir())[: options.photos]
    base = Job(sources=tuple(map(str, photos)), progress="none", plugin=(VCPU,))
    different = 0
    with tempfile.TemporaryDirectory(prefix="same-bytes") as folder:
        wanted = options.only or [""]
        for name, model in _models(options):
            if not any(part in name for part in wanted):
                continue
            begun = time.monotonic()
            job = replace(base, output=str(Path(folder) / "first.jsonl"), fresh=True, **model)
            run(replace(job, **FIRST))
            first = Path(job.output).read_bytes()
            odd = [told for told in _others(job, Path(folder)) if told[1] != first]
            count = len(LAYOUTS) + len(TWO_DEVICES) + len(INLINE)
            print(f"{name}: {count - len(odd)} of {count} the same, {len(photos)} photographs")
            for layout, found in odd:
                print(f"  {layout}: {_difference(first, found)}")
            print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
            different += len(odd)
    return 1 if different else 0


def _models(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "built-in", {}
    for name in QUANTISED:
        for way in ("exact", "fast"):
            path = str(options.data / "models" / name)
            yield f"{name}, {way}", {"model": path, "int8": way, "preprocess": "torchvision"}
    for path in options.model or []:
        yield path.name, {"model": str(path), "preprocess": "torchvision"}


def _others(job: Job, folder: Path) -> Iterator[tuple[str, bytes]]:
    ways: list[tuple[OpenBackend, dict[str, Any]]] = [
        *((LocalBackend, one) for one in [*LAYOUTS, *TWO_DEVICES]),
        *((InlineBackend, one) for one in INLINE),
    ]
    for start, layout in ways:
        other = replace(job, output=str(folder / "other.jsonl"), **layout)
        run(other, start)
        where = "inline" if start is InlineBackend else "local"
        yield f"{where} {layout}", Path(other.output).read_bytes()


def _difference(one: bytes, other: bytes) -> str:
    pairs = list(zip(one.splitlines(), other.splitlines(), strict=True))
    tops = [(json.loads(a)["top"], json.loads(b)["top"]) for a, b in pairs if a != b]
    changed = sum(a[0]["index"] != b[0]["index"] for a, b in tops)
    largest = max(abs(a[0]["score"] - b[0]["score"]) for a, b in tops)
    return f"{len(tops)} lines, {changed} other top-1, largest top-1 score difference {largest:.6f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    real = os.environ.get("BATCHCLS_REAL_DATA") or None
    parser.add_argument(
        "--data", type=Path, default=real, required=not real,
        help="photos/, models/ [BATCHCLS_REAL_DATA]",
    )  # fmt: skip
    parser.add_argument("--photos", type=int, default=None, help="only so many of them")
    parser.add_argument("--only", action="append", help="models whose name has this in it")
    parser.add_argument("--model", type=Path, action="append", help="one more; repeatable")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
