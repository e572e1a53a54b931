"""Real photos decode to exactly Pillow's pixels."""

import hashlib
from pathlib import Path

import pytest

from batchcls.decode.decode import decode

PILLOWS = "5909c192ac3fae0e378cc3654b07c63f20809d4b519d37123b752e63b100bed2"
"""SHA-256 over all photos, in order of name, of Pillow 13.0's RGB pixels, EXIF applied."""


@pytest.mark.real
def test_photos_decode_to_pillows_pixels(real_data: Path) -> None:
    digest = hashlib.sha256()
    for path in sorted((real_data / "photos").iterdir()):
        digest.update(decode(path.read_bytes())[:, :, ::-1].tobytes())
    assert digest.hexdigest() == PILLOWS
