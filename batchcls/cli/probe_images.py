"""The images that a probe tries, decoded, and what they show."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcls.backends.listing import sample
from batchcls.decode.decode import decode
from batchcls.errors import ImageError, SourceError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.report.truth import Truth, Truths
from batchcls.sources.ahead import Ahead
from batchcls.sources.sample import scattered

MOST_BYTES = 1 << 30
"""Of decoded pixels held at once."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Images to try things on.

    Attributes:
        pixels: (H, W, 3) BGR each.
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
    taken, room = Sample([], [], 0), MOST_BYTES
    unreadable = 0
    images = scattered(sample(Job(sources=(folder,)), 2 * most))
    source = Ahead(images)
    for image in images:
        if len(taken.pixels) == most or room <= 0:
            break
        try:
            pixels = decode(source.read(image))
        except ImageError:
            unreadable += 1
            continue
        room -= pixels.nbytes
        taken.pixels.append(pixels)
        taken.truths.append(_truth(truths, image, folder))
    if not taken.pixels:
        raise SourceError(f"{folder}: none of the images tried can be read")
    return Sample(taken.pixels, taken.truths, unreadable)


def _truth(truths: Truths, ref: ImageRef, folder: str) -> Truth | None:
    """A file right in the folder has the folder's own name for its class."""
    return truths.of(ref.path) or truths.of(str(Path(folder).resolve() / ref.path))
