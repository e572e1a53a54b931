"""What devices answer to four fixed pictures: their echo, by which other hardware is noticed.

Rules of this file:

1. The pictures are made by integer arithmetic and take the way of every image: decoded, resized,
   inferred.
2. An echo is of the raw float32 scores, to the last bit, and of one device string of the job.
3. Four pictures can prove that answers differ, never that all are equal.
4. One picture is asked twice. A model that answers it differently has no echo: it is told.
5. Nor has a device string that stands for several devices, each of which may take any picture.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from batchcls.model.builtin.stored_png import GRAY, RGB, RGBA, stored_png

ANSWER_S = 20.0
"""A device that has not answered by then has no echo; the run finds out what ails it."""

_LAYOUTS = ((RGB, 3, 8), (GRAY, 1, 8), (RGBA, 4, 8), (RGB, 3, 16))
"""Colour type, channels and bits of each picture."""

SIDE = 64
"""Pixels. All have the same: for each other one, weights to resize it would have to be computed,
and a graph that takes any size would be compiled."""


class Device(Protocol):
    """What is asked: a `Ring`."""

    device: str

    def ask(
        self, images: Sequence[NDArray[Any]], timeout_s: float
    ) -> list[NDArray[np.float32]] | None:
        """Raw scores, (classes,) each; None where it refuses or does not answer in time."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a job's devices.

    Attributes:
        echoes: device string → 16 hexadecimal digits; those are left out that have none.
    """

    echoes: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@cache
def pictures() -> tuple[bytes, ...]:
    """PNG files: colour, gray, colour with alpha, colour of 16 bits."""
    return tuple(_picture(*layout) for layout in _LAYOUTS)


def listen(
    rings: Iterable[Device],
    prepare: Callable[[bytes], NDArray[Any]],
    shared: Callable[[str], bool] = lambda device: False,
) -> Heard:
    """Ask every device for its scores of the four pictures, and of the first one once more.

    Args:
        rings: one for each device string.
        prepare: from a file's bytes to a model input, as for every image of the run.
        shared: whether a device string stands for several devices that share the images.
    """
    inputs = [prepare(picture) for picture in pictures()]
    echoes, notes = {}, []
    for ring in rings:
        if shared(ring.device):
            notes.append(
                f"{ring.device} gives each image to a device that is free; where these round "
                "differently, the last digits of a score depend on which of them took it"
            )
            continue
        scores = ring.ask([*inputs, inputs[0]], ANSWER_S)
        if scores is None:
            continue
        *told, again = scores
        if again.tobytes() == told[0].tobytes():
            echoes[ring.device] = hashlib.sha256(b"".join(s.tobytes() for s in told)).hexdigest()[
                :16
            ]
        else:
            notes.append(
                f"{ring.device} gave two answers to one picture, by up to "
                f"{np.abs(again - told[0]).max():.2g} apart; lines will differ from run to run"
            )
    if len(set(echoes.values())) > 1:
        names = " and ".join(echoes)
        notes.append(
            f"{names} round differently: the last digits of a score depend on which of them took "
            "the image"
        )
    return Heard(echoes, tuple(notes))


def _picture(colour_type: int, channels: int, depth: int) -> bytes:
    """Ramps, edges and something like noise, different in each channel."""
    y, x, c = np.indices((SIDE, SIDE, channels), np.uint32)
    ramp = 3 * x * (c + 1) + 2 * y
    edges = ((x // 12 + y // 9 + c) % 3) * 61
    noise = (x * x * 37 + y * y * 91 + x * y * 13 + c * 57) >> 4
    samples = (ramp + edges + noise % 48) % 256
    if depth == 16:
        samples = samples * 257 - samples % 5 * 3 % 256
    kind = ">u2" if depth == 16 else np.uint8
    flat = samples.astype(kind).reshape(SIDE, -1)
    rows = np.ascontiguousarray(flat).view(np.uint8).reshape(SIDE, -1)
    return stored_png((SIDE, SIDE), depth, colour_type, np.pad(rows, ((0, 0), (1, 0))).tobytes())
