"""Compares batchcls with the real reference code of every family, and prints how equal they are.

    pip install '.[parity]'
    python -m jobs.parity --data ~/data

Exit code 1 where a limit of the table is missed. See README.md beside this file.
"""

from jobs.parity import ours  # noqa: F401 - first: sets the limits of OpenCV before anybody imports it

# isort: split
import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import cv2
import torch

from jobs.parity import huggingface_cases, model_api_cases, quantised, report, torch_cases
from jobs.parity.cases import Case
from jobs.parity.generated import pictures
from jobs.parity.tensors import compare, ready


def main() -> int:
    """Compare, print, judge."""
    options = _options()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cases = [c for c in all_cases() if any(part in c.key for part in options.only or [""])]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="parity") as folder:
        everything = ready(cases, Path(folder))
        print(f"{len(cases)} cases open after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        on_generated = compare(pictures(), everything)
        print(f"generated pictures after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        photos = sorted((options.data / "photos").glob("*.JPEG"))[: options.photos]
        on_photos = compare(((p.name, p.read_bytes()) for p in photos), everything)
        print(f"photographs after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    answers = [] if options.only else quantised.measure(options.data, options.photos)
    text, missed = report.table(cases, on_photos, on_generated, answers)
    print(text)
    print(f"\n{time.monotonic() - begun:.0f} s in all, {len(photos)} photographs")
    if options.json:
        options.json.write_text(json.dumps(report.as_data(on_photos, on_generated), indent=1))
    return 1 if missed else 0


def all_cases() -> list[Case]:
    """Of all families."""
    families = (torch_cases, huggingface_cases, model_api_cases)
    return [case for family in families for case in family.cases(small=False)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="parity", description=(__doc__ or "").splitlines()[0])
    real = os.environ.get("BATCHCLS_REAL_DATA") or None
    parser.add_argument(
        "--data", type=Path, default=real, required=not real,
        help="photos/, photos.csv, models/ [BATCHCLS_REAL_DATA]",
    )  # fmt: skip
    parser.add_argument("--photos", type=int, default=None, help="only so many of them")
    parser.add_argument("--only", action="append", help="cases whose name has this in it")
    parser.add_argument("--json", type=Path, help="every picture's figures, for a closer look")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
