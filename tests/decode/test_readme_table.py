"""Every row of the table of kinds of pictures has golden files, and holds for them."""

import re

import pytest

from batchcls.decode.decode import decode
from batchcls.errors import ImageError
from tests.support.golden_files import GOLDENS
from tests.support.tree import ROOT

PAGE = ROOT / "batchcls" / "decode" / "README.md"
FOUR = ("jpeg", "png", "webp", "tiff")

ROWS: dict[str, tuple[str, ...]] = {
    "JPEG": (
        "jpeg subsampling 0", "jpeg subsampling 1", "jpeg subsampling 2", "jpeg progressive",
        "jpeg restart markers",
    ),
    "EXIF": (*(f"{form} exif {value}" for form in FOUR for value in range(1, 9)), "jpeg exif 9"),
    "alpha": (
        "png rgba", "png gray alpha", "webp alpha", "webp lossy alpha", "bmp rgba", "tiff rgba",
        "tiff gray alpha", "tiff rgba big-endian",
    ),
    "palette": (
        "png palette", "png palette transparent", "png colour key", "bmp palette", "tiff palette",
        "gif", "gif transparent",
    ),
    "gray": (
        "jpeg gray", "png gray", "png 1 bit", "bmp gray", "bmp 1 bit", "tiff gray", "tiff 1 bit",
    ),
    "16 bits": ("png 16 bit rgb", "png 16 bit gray", "tiff 16 bit rgb", "tiff 16 bit gray"),
    "CMYK": ("jpeg cmyk", "jpeg ycck", "tiff cmyk"),
    "animated": ("gif animated", "webp animated", "png animated", "png animated default image"),
    "GIF frame": ("gif frame inside canvas", "gif frame over canvas"),
    "interlaced": ("png interlaced", "gif interlaced"),
    "TIFF of several pages": (
        "tiff pages", "tiff lzw", "tiff deflate", "tiff packbits", "tiff jpeg", "tiff group 4",
        "tiff rgb", "tiff tiles", "tiff planes", "tiff big",
    ),
    "colour profiles": (*(f"{form} colour profile" for form in FOUR), "png gamma"),
    "TIFF with premultiplied": ("tiff premultiplied alpha", "tiff lab"),
    "JPEG 2000": (
        "jp2 rgb", "jp2 lossy", "jp2 gray", "jp2 gray alpha", "jp2 rgba", "jp2 tiles",
        "jp2 codestream",
    ),
    "AVIF: 8": (
        "avif subsampling 4:2:0", "avif subsampling 4:2:2", "avif subsampling 4:4:4",
        "avif limited range", "avif gray", "avif gray limited range", "avif gray 10 bit",
        "avif 10 bit", "avif grid", "avif sequence", "avif alpha", "avif premultiplied alpha",
        "avif gray alpha", "avif exif behind",
    ),
    "AVIF turned": (
        *(f"avif exif {value}" for value in range(1, 9)), "avif xmp 6", "avif xmp 6 exif 3",
        *(f"avif turned {turns} mirrored {axis}" for turns in range(4) for axis in (0, 1)),
    ),
    "HEIC": (),  # test_against_pillow.py
    "damaged": (),  # below
}  # fmt: skip
"""How a row begins, and the golden files that `test_goldens` holds it to."""


def test_every_row_has_its_golden_files() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Kinds of pictures")[2]
    table = table.partition("\n\n##")[0]
    kinds = re.findall(r"^\| (?!kind \|)([^-|][^|]*) \|", table, re.MULTILINE)
    assert len(kinds) == len(ROWS)
    for kind, begins in zip(kinds, ROWS, strict=True):
        assert kind.startswith(begins)
    assert {name for names in ROWS.values() for name in names} <= GOLDENS.keys()


@pytest.mark.parametrize("name", [name for name in GOLDENS if name.startswith("png")])
def test_damage_inside_a_png_never_gives_wrong_pixels(name: str) -> None:
    """It is refused, but in frames that are not decoded."""
    data, right = GOLDENS[name].data, decode(GOLDENS[name].data)
    passed = 0
    begin, end = data.index(b"IDAT") + 4, data.rindex(b"IEND") - 8
    for at in range(begin, end):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        try:
            pixels = decode(bytes(damaged))
        except ImageError:
            continue
        assert (pixels == right).all()
        passed += 1
    assert (passed > 0) == ("animated" in name)
