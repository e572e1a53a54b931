"""Every picture through every case: batchcls's tensor against the reference's."""

import io
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from batchcls.errors import BatchclsError
from jobs.parity.cases import Case, Reference, step_of
from jobs.parity.identity import unflatten
from jobs.parity.measure import Difference, Sum, difference
from jobs.parity.ours import DecodePolicy, Opened, decode

Files = Iterable[tuple[str, bytes]]
DECODING = "decoding"


@dataclass
class Ready:
    """A case with both sides open; `broken` says why batchcls is not."""

    case: Case
    reference: Reference
    step: np.ndarray
    opened: Opened | None
    broken: str


def upright(data: bytes) -> Image.Image:
    """A file as the references load it: Pillow, EXIF orientation applied, RGB.

    But for 16-bit gray, of which Pillow keeps the values and clips them at 255, which leaves white:
    the high byte is taken, as decoders to 8 bits do.
    """
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture.convert("RGB")


def ready(cases: Sequence[Case], folder: Path) -> list[Ready]:
    """Write and open every case below a folder."""
    found = []
    for number, case in enumerate(cases):
        place = folder / f"{number:03}"
        place.mkdir()
        argument = case.write(place)
        reference = case.reference(place)
        opened, broken = None, ""
        try:
            opened = Opened.open(argument, case.options)
        except (BatchclsError, KeyError) as error:
            broken = f"{type(error).__name__}: {error}"
        found.append(Ready(case, reference, step_of(case, reference), opened, broken))
    return found


def compare(files: Files, all_ready: Sequence[Ready]) -> dict[str, Sum]:
    """Sums by case; under `DECODING` the decoded pixels themselves."""
    sums = {DECODING: Sum(), **{each.case.key: Sum() for each in all_ready}}
    for name, data in files:
        picture = upright(data)
        try:
            pixels = decode(data, DecodePolicy())
        except BatchclsError as error:
            sums[DECODING].refused.append(f"{name}: {error}")
            continue
        rgb = np.asarray(picture, np.float32)
        sums[DECODING].differences.append(
            difference(name, pixels[:, :, ::-1].astype(np.float32), rgb, np.ones(3))
        )
        for each in all_ready:
            _compare(name, picture, pixels, each, sums[each.case.key])
    return sums


def _compare(name: str, picture: Image.Image, pixels: np.ndarray, each: Ready, sum_: Sum) -> None:
    try:
        wanted = each.reference(picture)
    except Exception as error:  # noqa: BLE001 - whatever a reference throws at an odd picture
        sum_.skipped.append(f"{name}: {type(error).__name__}: {str(error)[:80]}")
        return
    if each.opened is None:
        sum_.refused.append(f"{name}: {each.broken}")
        return
    try:
        scores = each.opened.scores(pixels)
    except Exception:  # noqa: BLE001 - a crash of ours is a finding, not the end
        sum_.refused.append(f"{name}: {traceback.format_exc(limit=-1).strip().splitlines()[-1]}")
        return
    if scores.size != wanted.size:
        sum_.differences.append(Difference(name, wanted.size, 0, 0, float("inf")))
        return
    ours = unflatten(scores, wanted.shape[:2], each.opened.layout)
    sum_.differences.append(difference(name, ours, wanted, each.step))
