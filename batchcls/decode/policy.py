"""What decoding allows and how it turns a file into RGB: part of the fingerprint.

The table of README "What becomes of each kind of picture" has a row for every rule that a user
can meet. They are not options: one meaning of a file's pixels, the one of the models' authors.
"""

from dataclasses import asdict, dataclass
from typing import Any

RULES = 1
"""Counted up whenever the same file would give other pixels than before."""

HEADROOM = 2
"""A reduced picture is at least so many times what the model needs, lest the decoder's coarse
averages take the place of the resize's own filter. Changing it changes answers: count up `RULES`.

Measured on 90 pictures of 12 megapixels at quality 85, MobileNet v2, shortest edge 256 with
Pillow's bilinear filter: the same top-1 as decoded in full for 98.9 % at 1/2, 97.8 % at 1/4 (what 2
allows here), 96.7 % at 1/8; with OpenCV's linear resize, which skips pixels, 83 %, 72 %, 62 %.
"""

PILLOW_ERROR_LIMIT = 178_956_970  # where Pillow raises DecompressionBombError
MAX_SIDE = 1 << 20


@dataclass(frozen=True, slots=True)
class DecodePolicy:
    """Limits and rules of decoding.

    Attributes:
        max_pixels: width x height of the largest picture; larger ones are refused undecoded.
        max_bytes: size of the largest file; larger ones are refused unread.
        exif: turn and mirror the picture as its EXIF orientation says.
        reduced: decode JPEGs much larger than the model's input at 1/2, 1/4 or 1/8 of their size.
    """

    max_pixels: int = PILLOW_ERROR_LIMIT
    max_bytes: int = 256 << 20
    exif: bool = True
    reduced: bool = False

    def at_least(self, needs: tuple[int, int] | None) -> tuple[int, int] | None:
        """What `decode` gets as `at_least`; None decodes in full.

        Args:
            needs: (width, height) below which the model's resize would enlarge; None = unknown.
        """
        if not self.reduced or needs is None:
            return None
        return HEADROOM * needs[0], HEADROOM * needs[1]

    def as_dict(self) -> dict[str, Any]:
        """JSON data for the fingerprint: the limits, and the number of the rules."""
        return {**asdict(self), "rules": RULES}
