"""What decoding allows and how it turns a file into RGB: part of the fingerprint.

The table of README "What becomes of each kind of picture" has a row for every rule that a user
can meet. They are not options: one meaning of a file's pixels, the one of the models' authors.
"""

from dataclasses import asdict, dataclass
from typing import Any

RULES = 1
"""Counted up whenever the same file would give other pixels than before."""

PILLOW_ERROR_LIMIT = 178_956_970  # where Pillow raises DecompressionBombError
MAX_SIDE = 1 << 20


@dataclass(frozen=True, slots=True)
class DecodePolicy:
    """Limits and rules of decoding.

    Attributes:
        max_pixels: width x height of the largest picture; larger ones are refused undecoded.
        max_bytes: size of the largest file; larger ones are refused unread.
        exif: turn and mirror the picture as its EXIF orientation says.
    """

    max_pixels: int = PILLOW_ERROR_LIMIT
    max_bytes: int = 256 << 20
    exif: bool = True

    def as_dict(self) -> dict[str, Any]:
        """JSON data for the fingerprint: the limits, and the number of the rules."""
        return {**asdict(self), "rules": RULES}
