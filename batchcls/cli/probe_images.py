"""Which images a probe tries: spread evenly over the sorted list, the same ones every time.

So each class's folder gets its share.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcls.decode.decode import decode
from batchcls.errors import ImageError, SourceError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.report.truth import Truth, Truths
from batchcls.sources import DEFAULT_MAX_BYTES, InputsReader, freeze, read_image

MOST_BYTES = 1 << 30
"""Of decoded pixels held at once."""

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Sample:
    """Images to try things on.

    Attributes:
        pixels: (H, W, 3) BGR each.
        truths: one each.
        unreadable: images that were chosen and could not be read.
    """

    pixels: list[Any]
    truths: list[Truth | None]
    unreadable: int


def take(folder: str, truths: Truths, most: int) -> Sample:
    """Read and decode a spread of the images below a folder.

    Raises:
        SourceError: there are none, or none that can be read.
    """
    with tempfile.TemporaryDirectory(prefix="batchcls-probe-") as directory:
        listed = freeze(Job(sources=(folder,)), Path(directory))
        wanted = spread(listed.count, 2 * most)
        with InputsReader(Path(directory) / "inputs", listed.root) as reader:
            refs = {ref.index: ref for ref in reader if ref.index in set(wanted)}
    sample, room = Sample([], [], 0), MOST_BYTES
    unreadable = 0
    for ref in (refs[index] for index in wanted):
        if len(sample.pixels) == most or room <= 0:
            break
        try:
            pixels = decode(read_image(listed.root, ref.path, DEFAULT_MAX_BYTES))
        except ImageError:
            unreadable += 1
            continue
        room -= pixels.nbytes
        sample.pixels.append(pixels)
        sample.truths.append(_truth(truths, ref, folder))
    if not sample.pixels:
        raise SourceError(f"{folder}: none of the images tried can be read")
    return Sample(sample.pixels, sample.truths, unreadable)


def _truth(truths: Truths, ref: ImageRef, folder: str) -> Truth | None:
    """A file right in the folder has the folder's own name for its class."""
    return truths.of(ref.path) or truths.of(str(Path(folder).resolve() / ref.path))


def spread(count: int, most: int) -> list[int]:
    """Some of `count` indices, evenly spread; so is every beginning of them.

    >>> spread(100, 5)
    [0, 60, 20, 80, 40]
    """
    number = min(count, most)
    chosen = sorted(range(number), key=lambda k: k * _GOLDEN % 1)
    # The golden ratio's multiples, in the order in which they fall, are spread at any length.
    ranked = sorted(range(number), key=chosen.__getitem__)
    return [rank * count // number for rank in ranked]
