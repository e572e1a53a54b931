"""Whether devices that are right are ever refused: many checks of devices with random images.

    python -m jobs.measure.device_checks [--checks 200] [--seed 0] [--data FOLDER]

The CPU plugin under another name, alone and in HETERO, bf16 and INT8 fast are right: no check may
refuse them. Each check is a process of its own on 64 photographs drawn by chance from the folders
`photos` and `more` of `--data` or BATCHCLS_REAL_DATA, for the models in its folder `models`, and
for `imagenet` where its weights are installed. It prints a row for each model and device; the exit
status is 1 where one was refused.
"""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice, product
from pathlib import Path

from batchcls import Job
from batchcls.backends.localised import localised
from batchcls.bench.devices import measure
from batchcls.display.table import aligned
from batchcls.errors import BatchclsError
from batchcls.model.devices.agreement import FEW, IMAGES, Agreement
from batchcls.model.files.imagenet import NAME

VCPU = ("VCPU=libopenvino_intel_cpu_plugin.so",)
RIGHT = {
    "VCPU": Job(plugin=VCPU, device=("VCPU",)),
    "HETERO:VCPU,CPU": Job(plugin=VCPU, device=("HETERO:VCPU,CPU",)),
    "bf16": Job(infer_precision="bf16"),
    "INT8 fast": Job(int8="fast"),
}
LEAST = Job().device_agreement


def models(folder: Path) -> Iterator[str]:
    """Those that there are."""
    yield from sorted(map(str, (folder / "models").glob("*.tflite")))
    try:
        localised(Job(model=NAME))
        yield NAME
    except BatchclsError as error:
        print(error, file=sys.stderr)


def check(model: str, right: str, photos: list[str]) -> Agreement:
    """One check."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
        names.write("\n".join(photos))
        names.flush()
        job = localised(replace(RIGHT[right], model=model, sources=(f"@{names.name}",)))
        ((_, found),) = measure(job, job.device, lambda text: None)
    if isinstance(found, BatchclsError):
        raise found
    return found


def main() -> None:
    """From the command line to the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--checks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=os.environ.get("BATCHCLS_REAL_DATA"))
    options = parser.parse_args()
    if options.data is None:
        parser.error("name a folder with --data")
    folders = (options.data / "photos", options.data / "more")
    photos = sorted(str(path) for folder in folders for path in folder.iterdir())
    chance = random.Random(options.seed)
    kinds = list(product(models(options.data), RIGHT))
    found: dict[tuple[str, str], list[Agreement]] = {kind: [] for kind in kinds}
    for model, right in islice(cycle(kinds), options.checks):
        one = check(model, right, chance.sample(photos, IMAGES))
        found[model, right].append(one)
        print(f"{Path(model).name}, {right}: {one}", file=sys.stderr, flush=True)
    report(found)


def report(found: dict[tuple[str, str], list[Agreement]]) -> None:
    """Print the figures."""
    rows: list[tuple[str, ...]] = []
    rows.append(("model", "device", "checks", "agreed", "of clear", "least", "unjudged", "refused"))
    for (model, right), checks in found.items():
        clear = sum(one.clear for one in checks)
        least = min((one.agreed / one.clear for one in checks if one.clear), default=0.0)
        counts = (
            len(checks), sum(one.agreed for one in checks), clear, f"{least:.3f}",
            sum(one.clear < FEW for one in checks), sum(one.fails(LEAST) for one in checks),
        )  # fmt: skip
        rows.append((Path(model).name, right, *map(str, counts)))
    print(aligned(rows, right=range(2, 8)))
    refused = sum(one.fails(LEAST) for checks in found.values() for one in checks)
    print(f"refused wrongly: {refused} of {sum(map(len, found.values()))}")
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
