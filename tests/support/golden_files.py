"""Small files of every kind, with the pixels that Pillow makes of them; from goldens.json."""

import base64
import json
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.support.tree import ROOT


@dataclass(frozen=True)
class Golden:
    """A file and what must become of it: uint8 (H, W, 3) RGB, to within `tolerance` steps."""

    data: bytes
    rgb: NDArray[np.uint8]
    tolerance: int


def load() -> dict[str, Golden]:
    rows = json.loads((ROOT / "tests/decode/goldens.json").read_text())
    return {
        name: Golden(
            base64.b64decode(row["file"]),
            np.frombuffer(zlib.decompress(base64.b64decode(row["rgb"])), np.uint8).reshape(
                *row["shape"], 3
            ),
            row["tolerance"],
        )
        for name, row in rows.items()
    }


GOLDENS = load()
"""By name; the first word is the format."""
PLAIN = {
    "jpeg": GOLDENS["jpeg subsampling 2"],
    "png": GOLDENS["png rgb"],
    "webp": GOLDENS["webp lossy"],
    "bmp": GOLDENS["bmp rgb"],
    "tiff": GOLDENS["tiff lzw"],
    "gif": GOLDENS["gif"],
}
