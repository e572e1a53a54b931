"""Reads the same images from a folder and from a tar, from a cold page cache, in turns.

    python -m jobs.measure.tar_rate IMAGES [--copies 20] [--rounds 7] [--folder DIR]

IMAGES is a folder of images; so many copies of each are written to a folder, and to a tar of it.
Only as root on Linux: the page cache is dropped before each round. Prints images a second of both
and the median of the ratios of each round.
"""

import argparse
import os
import shutil
import statistics
import tarfile
import tempfile
import time
from contextlib import closing
from pathlib import Path

from batchcls.job.job import Job
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader

CHUNK = 64


def fill(images: Path, copies: int, folder: Path) -> int:
    """The folder of copies and the tar beside it; how many images there are."""
    (folder / "files").mkdir()
    for number in range(copies):
        for image in sorted(images.iterdir()):
            shutil.copyfile(image, folder / "files" / f"{number:04}_{image.name}")
    copied = sorted((folder / "files").iterdir())
    with tarfile.open(folder / "all.tar", "w") as tar:
        for image in copied:
            tar.add(image, image.name)
    return len(copied)


def cold_rate(source: Path, inputs: Path) -> float:
    """Images a second, from nothing in memory to the last byte of the last."""
    found = freeze(Job(sources=(str(source),)), inputs)
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")
    reader, count = EveryPlace(), 0
    began = time.monotonic()
    with closing(InputsReader(inputs, found.root, members=found.members)) as listed:
        while images := listed.chunk(CHUNK):
            for image in images:
                reader.read(image)
                count += 1
    return count / (time.monotonic() - began)


def main() -> None:
    """From the command line to the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder, ratios = Path(temporary), []
        print(fill(options.images, options.copies, folder), "images")
        for number in range(options.rounds):
            rates = {}
            for source in ("files", "all.tar")[:: 1 if number % 2 else -1]:
                rates[source] = cold_rate(folder / source, folder / f"{number}.{source}")
            ratios.append(rates["all.tar"] / rates["files"])
            print(*(f"{name} {rate:,.0f}/s" for name, rate in sorted(rates.items())))
        print(f"tar / folder: median {statistics.median(ratios):.2f} of {options.rounds} rounds")


if __name__ == "__main__":
    main()
