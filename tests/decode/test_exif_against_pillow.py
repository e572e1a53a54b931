"""EXIF as Pillow and pillow-heif write it into each format: `tox -e facts` has both."""

import importlib.util
import io

import pytest

from batchcls.decode import exif_facts
from batchcls.decode.decode import decode_picture

Image = pytest.importorskip("PIL.Image", reason="tox -e facts")
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_pillow_writes_is_read(form: str) -> None:
    if form == "HEIF":
        if importlib.util.find_spec("pillow_heif") is None:
            pytest.skip("tox -e facts")
        import pillow_heif

        pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "FUJIFILM", "X100V"
    exif.get_ifd(0x8769).update({0x9003: "2023:12:31 23:59:59", 0x9011: "-03:30", 0x9291: "07"})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "W", 4: (13.0, 24.0, 18.5)})
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 30)).save(file, form, exif=exif)
    picture = decode_picture(file.getvalue())
    assert exif_facts.facts(picture.exif, ("captured", "camera", "gps")) == {
        "captured": "2023-12-31T23:59:59.07-03:30",
        "camera": "FUJIFILM X100V",
        "gps": "52.520000,-13.405139",
    }
