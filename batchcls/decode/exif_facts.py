"""What EXIF says of when, where and with what a picture was taken.

Whatever stands there, no image fails because of it: what is missing, wrong or hostile is "".
"""

import re
import struct
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from fractions import Fraction

from batchcls.decode.exif import EXIF
from batchcls.decode.tiff_directory import Directory, TiffFile
from batchcls.errors import ImageError

MAKE, MODEL, EXIF_AT, GPS_AT = 0x010F, 0x0110, 0x8769, 0x8825
TAKEN, TAKEN_ZONE, TAKEN_FRACTION = 0x9003, 0x9011, 0x9291
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = 1, 2, 3, 4
TEXTS, RATIONAL = frozenset({2, 7, 129}), 5

MOST_TEXT = 100
"""Characters of a camera's name, and bytes of any other text that are looked at."""

ORDERS = (b"II", b"MM")
_TIME = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
_ZONE = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d", re.ASCII)
_MICRO = 10**6


def facts(block: bytes, wanted: Collection[str]) -> dict[str, str]:
    r"""Of captured, camera and gps those that are wanted; "" where EXIF does not say.

    Args:
        block: TIFF structure, with or without ``Exif\0\0`` before it; a whole TIFF file is one.

    Returns:
        captured: date and time as the camera's clock had them (``2024-05-01T13:45:12``), with
            fractions of a second and with the zone only where the camera wrote them.
        camera: make and model; the model alone where that begins with the make.
        gps: latitude and longitude in decimal degrees, south and west negative.
    """
    return {name: _of(block, find) for name, find in FACTS.items() if name in wanted}


class _Exif:
    """A block's directories."""

    def __init__(self, block: bytes) -> None:
        self.file = TiffFile(block)
        self.first, _ = self.file.directory(self.file.offset(self.file.first_at))

    def below(self, tag: int) -> Directory:
        """The directory to which an entry of the first one points; empty if none does."""
        at = self.file.value(self.first, tag, 0)
        return self.file.directory(at)[0] if at else {}

    def text(self, entries: Directory, tag: int) -> str:
        """A text on one line, without what cannot be printed."""
        entry = entries.get(tag)
        if entry is None or entry.kind not in TEXTS:
            return ""
        most = min(entry.count, 4 * MOST_TEXT)
        raw = self.file.data[entry.at : entry.at + most].partition(b"\0")[0]
        shown = "".join(c if c.isprintable() else " " for c in raw.decode(errors="replace"))
        return " ".join(shown.split())[:MOST_TEXT]

    def degrees(self, entries: Directory, tag: int, reference: str, most: int) -> str:
        """Degrees, minutes and seconds in decimal degrees.

        Args:
            reference: "N" or "S", "E" or "W".
            most: the largest angle that there is.
        """
        entry = entries[tag]
        if entry.kind != RATIONAL or not 1 <= entry.count <= 3:
            raise ValueError("no angle")
        parts = struct.unpack_from(f"{self.file.order}{2 * entry.count}I", self.file.data, entry.at)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        terms = (Fraction(*pair) / 60**power for power, pair in enumerate(pairs))
        angle = sum(terms, start=Fraction())
        if angle > most:
            raise ValueError("no angle on this planet")
        whole, part = divmod(round(angle * _MICRO), _MICRO)
        sign = "-" if reference in "SW" and (whole or part) else ""
        return f"{sign}{whole}.{part:06}"


def _captured(exif: _Exif) -> str:
    entries = exif.below(EXIF_AT)
    found = _TIME.match(exif.text(entries, TAKEN))
    if found is None:
        return ""
    year, month, day, hour, minute, second = map(int, found.groups())
    moment = datetime(year, month, day, hour, minute, second).isoformat()
    fraction = exif.text(entries, TAKEN_FRACTION)
    if fraction.isascii() and fraction.isdecimal():
        moment += f".{fraction[:9]}"
    zone = exif.text(entries, TAKEN_ZONE)
    return moment + (zone if _ZONE.fullmatch(zone) else "+00:00" if zone == "Z" else "")


def _camera(exif: _Exif) -> str:
    make, model = (exif.text(exif.first, tag) for tag in (MAKE, MODEL))
    brand = make.casefold().partition(" ")[0]
    return model if brand and model.casefold().startswith(brand) else f"{make} {model}".strip()


def _gps(exif: _Exif) -> str:
    entries = exif.below(GPS_AT)
    north, east = (exif.text(entries, tag).upper() for tag in (LATITUDE_REF, LONGITUDE_REF))
    if north not in ("N", "S") or east not in ("E", "W"):
        return ""
    latitude = exif.degrees(entries, LATITUDE, north, 90)
    return f"{latitude},{exif.degrees(entries, LONGITUDE, east, 180)}"


FACTS: Mapping[str, Callable[[_Exif], str]] = {
    "captured": _captured, "camera": _camera, "gps": _gps
}  # fmt: skip


def _of(block: bytes, find: Callable[[_Exif], str]) -> str:
    block = block.removeprefix(EXIF)
    if not block.startswith(ORDERS):  # what comes behind, cameras' raw files have their own ideas
        return ""
    try:
        return find(_Exif(block))
    except (ImageError, ValueError, KeyError, ZeroDivisionError, OverflowError, struct.error):
        return ""
