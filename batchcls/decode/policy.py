"""What decoding allows and how it turns a file into RGB: part of the fingerprint.

The table "Kinds of pictures" in README.md beside this file has a row for every rule that a user
can meet. They are not options: one meaning of a file's pixels, the one of the models' authors.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from batchcls.images import MAX_BYTES
from batchcls.job.job import Job

RULES = 3
"""Counted up whenever the same file would give other pixels than before."""

HEADROOM = 2.75
"""A reduced picture is at least so many times what the model needs, lest the decoder's averages of
whole blocks take the place of the resize's own filter. Changing it changes answers: count up
`RULES`.

Measured on pictures of 12 megapixels made by `jobs/performance/pictures.py` (camera; 300 at quality
85, 150 of the same at 95), MobileNet v2 in float, three of Pillow's resizes: the same top-1 as
decoded in full for 99.6 % at 1/2, 99.5 % at 1/4 (2.9 and 3.3 times the need), 98.4 % at 1/8 (1.5
and 1.7 times); 150 of them made smaller, at 1/4: 98.7 % at 2.5 times the need, 97.3 % at 2.0. What
the model sees differs (root mean square, in steps) by 0.4 at 1/2, 0.6 at 1/4, 0.7 at 2.5 times the
need, 1.3 at 2.0. Quantised, two MobileNets agree for 98.2 % at 1/2 as at 1/4, and for 98.4 % when
one value in a hundred is off by one: no decoding but the full one does better with them. OpenCV's
linear resize skips pixels in full: 94 %, 86 %, 81 %, and more right.
"""

CLOSE = 0.42
"""A reduced picture whose best class is ahead by less is decoded again in full: the difference of
the logits of the two best classes, in nats; at 0.42 the second has two thirds of the first's
probability. Changing it changes answers.

Of such pictures, 300 at either quality, two quantised MobileNets and one in float, with Pillow's
bilinear filter, 27 of 1,800 answers changed, ahead by 0.51, 0.39, 0.39 and less. At 0.36 6.5 % of
the pictures are close and 4 answers stay changed, at 0.42 7.6 % and one; with pictures at 1/8 (1.5
times the need), which saves 2.5 ms of 34, 8.2 % and 7.
"""

PILLOW_ERROR_LIMIT = 178_956_970  # where Pillow raises DecompressionBombError
MAX_SIDE = 1 << 20


@dataclass(frozen=True, slots=True)
class DecodePolicy:
    """Limits and rules of decoding.

    Attributes:
        max_pixels: width x height of the largest picture; larger ones are refused undecoded.
        max_bytes: size of the largest file. Sources refuse larger ones; it is here so that the
            fingerprint has all limits.
        exif: turn and mirror the picture as its EXIF orientation says.
        raw: of cameras' raw files, decode the preview.
        reduced: decode JPEGs much larger than the model's input at 1/2, 1/4 or 1/8 of their size,
            and again in full where the answer to that is close (`CLOSE`).
    """

    max_pixels: int = PILLOW_ERROR_LIMIT
    max_bytes: int = MAX_BYTES
    exif: bool = True
    reduced: bool = False
    raw: bool = False

    @classmethod
    def of(cls, job: Job) -> Self:
        """What a job asks for."""
        return cls(reduced=job.decode == "reduced", raw=job.raw)

    def at_least(self, needs: tuple[int, int] | None) -> tuple[int, int] | None:
        """What `decode` gets as `at_least`; None decodes in full.

        Args:
            needs: (width, height) below which the model's resize would enlarge; None = unknown.
        """
        if not self.reduced or needs is None:
            return None
        return math.ceil(HEADROOM * needs[0]), math.ceil(HEADROOM * needs[1])

    def as_dict(self) -> dict[str, Any]:
        """JSON data for the fingerprint: the limits, and the number of the rules."""
        rules: dict[str, Any] = {**asdict(self), "rules": RULES}
        if not self.raw:
            del rules["raw"]
        return rules | {"close": CLOSE} if self.reduced else rules
