"""The images that quantisation learns from and those it is judged by: never the same ones."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from batchcls.decode.decode import decode, decode_picture
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError, SourceError
from batchcls.images import Picture
from batchcls.job.job import Job
from batchcls.sources.ahead import Ahead
from batchcls.sources.sample import Sample, scattered, spread

T = TypeVar("T")
LEAST = 4
"""Images without which neither half means anything."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """One image, ready for the model.

    Attributes:
        path: as the results would name it.
        tensor: (height, width, channels) of `Classifier.prepare`.
    """

    path: str
    tensor: Any


@dataclass(frozen=True, slots=True)
class Chosen:
    """Images chosen from a source.

    Attributes:
        calibration: what quantisation learns from.
        held_out: what it has never seen.
        unusable: images that could not be read or decoded.
    """

    calibration: tuple[PreparedImage, ...]
    held_out: tuple[PreparedImage, ...]
    unusable: int


def shares(count: int, calibration: int, held_out: int) -> tuple[int, int]:
    """How many of `count` images calibrate and are held out: as requested, or in proportion."""
    if count >= calibration + held_out:
        return calibration, held_out
    held = max(1, count * held_out // (calibration + held_out))
    return count - held, held


def halves(images: Sequence[T], held_out: int) -> tuple[list[T], list[T]]:
    """Part images in two, both spread over all: to calibrate, and held out."""
    positions = set(spread(len(images), held_out))
    held = [image for n, image in enumerate(images) if n in positions]
    return [image for n, image in enumerate(images) if n not in positions], held


def pictures(job: Job, most: int, sample: Sample) -> Iterator[Picture]:
    """Some of a job's images, decoded, in a scattered order; without those that cannot be.

    Raises:
        SourceError: a source cannot be listed.
    """
    images = scattered(sample(job, most))
    source, policy = Ahead(images), DecodePolicy()
    for image in images:
        with suppress(ImageError):
            yield decode_picture(source.read(image), policy)


def choose(
    job: Job,
    prepare: Callable[[Any], Any],
    calibration: int,
    held_out: int,
    sample: Sample,
) -> Chosen:
    """Read, decode and preprocess images of a job's sources, as the job would.

    Args:
        job: sources, names, decoding.
        prepare: of the job's classifier.
        calibration: images to calibrate on, at most.
        held_out: images to judge by, at most.
        sample: takes them from the sources.

    Raises:
        SourceError: a source cannot be listed, or too few of its images can be used.
    """
    images = sample(job, calibration + held_out)
    _, judging = shares(len(images), calibration, held_out)
    learn, held = halves(images, judging)
    source, policy = Ahead(images), DecodePolicy()
    unusable = 0
    ready: dict[int, PreparedImage] = {}
    for image in images:
        try:
            ready[image.index] = PreparedImage(
                image.path, prepare(decode(source.read(image), policy))
            )
        except ImageError:
            unusable += 1
    if len(ready) < LEAST:
        raise SourceError(
            f"only {len(ready)} of {len(images)} images can be used; quantising needs some to "
            "calibrate on and others to compare on, best a few hundred that look like yours"
        )
    return Chosen(
        tuple(ready[one.index] for one in learn if one.index in ready),
        tuple(ready[one.index] for one in held if one.index in ready),
        unusable,
    )
