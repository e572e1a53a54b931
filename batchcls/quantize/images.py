"""The images that quantisation learns from and those it is judged by: never the same ones."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcls.decode.decode import decode
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError, SourceError
from batchcls.job.job import Job
from batchcls.sources import DEFAULT_MAX_BYTES, FILE_NAME, InputsReader, freeze, read_image

BLOCK = 1024
LEAST = 4
"""Images without which neither half means anything."""


@dataclass(frozen=True, slots=True)
class Picture:
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

    calibration: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    unusable: int


def shares(count: int, calibration: int, held_out: int) -> tuple[int, int]:
    """How many of `count` images calibrate and how many are held out: as asked, or a share each."""
    if count >= calibration + held_out:
        return calibration, held_out
    held = max(1, count * held_out // (calibration + held_out))
    return count - held, held


def spread(count: int, wanted: int) -> list[int]:
    """`wanted` of the numbers below `count`, evenly spread."""
    wanted = min(count, wanted)
    return [n * count // wanted for n in range(wanted)]


def halves(indices: Sequence[int], held_out: int) -> tuple[list[int], list[int]]:
    """Part indices in two, both spread over all: to calibrate, and held out."""
    positions = set(spread(len(indices), held_out))
    held = [index for n, index in enumerate(indices) if n in positions]
    return [index for n, index in enumerate(indices) if n not in positions], held


def choose(job: Job, prepare: Callable[[Any], Any], calibration: int, held_out: int) -> Chosen:
    """Read, decode and preprocess images of a job's sources, as the job would.

    Args:
        job: sources, names, decoding.
        prepare: of the job's classifier.
        calibration: images to calibrate on, at most.
        held_out: images to judge by, at most.

    Raises:
        SourceError: a source cannot be listed, or too few of its images can be used.
    """
    with tempfile.TemporaryDirectory(prefix="batchcls-quantize-") as folder:
        listed = freeze(job, Path(folder))
        share = shares(listed.count, calibration, held_out)
        learn, held = halves(spread(listed.count, sum(share)), share[1])
        paths = dict(_paths(Path(folder), listed.root, {*learn, *held}))
    policy = DecodePolicy()
    unusable = 0
    ready: dict[int, Picture] = {}
    for index, path in paths.items():
        try:
            pixels = decode(read_image(listed.root, path, DEFAULT_MAX_BYTES), policy)
            ready[index] = Picture(path, prepare(pixels))
        except ImageError:
            unusable += 1
    if len(ready) < LEAST:
        raise SourceError(
            f"{len(ready)} usable images of {len(paths)}: quantisation needs some to calibrate on "
            f"and others to be judged by; a few hundred that look like yours are best"
        )
    return Chosen(
        tuple(ready[n] for n in learn if n in ready),
        tuple(ready[n] for n in held if n in ready),
        unusable,
    )


def _paths(folder: Path, root: str, wanted: set[int]) -> Iterator[tuple[int, str]]:
    with InputsReader(folder / FILE_NAME, root) as reader:
        while chunk := reader.chunk(BLOCK):
            yield from ((ref.index, ref.path) for ref in chunk if ref.index in wanted)
