"""The shared photos decode to exactly Pillow's pixels."""

import hashlib
import os
from pathlib import Path

import pytest

from batchcls.decode.decode import decode

SHARED = Path(os.environ.get("BATCHCLS_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
PHOTOS = SHARED / "photos"
PILLOWS = "5909c192ac3fae0e378cc3654b07c63f20809d4b519d37123b752e63b100bed2"
"""SHA-256 over all photos, in order of name, of Pillow 13.0's RGB pixels, EXIF applied."""


@pytest.mark.real
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no ../shared/data")
def test_photos() -> None:
    digest = hashlib.sha256()
    for path in sorted(PHOTOS.iterdir()):
        digest.update(decode(path.read_bytes())[:, :, ::-1].tobytes())
    assert digest.hexdigest() == PILLOWS
