"""Every kind of picture decodes to the pixels of Pillow's `convert("RGB")`, EXIF applied."""

import struct

import numpy as np
import pytest

from batchcls.decode.decode import decode, decode_picture, upright
from batchcls.decode.policy import CLOSE, DecodePolicy
from batchcls.decode.sniff import sniff
from tests.support.golden_files import GOLDENS, PLAIN


@pytest.mark.parametrize("name", GOLDENS)
def test_pixels_are_pillows(name: str) -> None:
    golden = GOLDENS[name]
    pixels = decode(golden.data)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.shape == golden.rgb.shape
    difference = np.abs(pixels[:, :, ::-1].astype(int) - golden.rgb)
    assert difference.max() <= golden.tolerance


@pytest.mark.parametrize("name", GOLDENS)
def test_header_tells_format_and_size(name: str) -> None:
    golden = GOLDENS[name]
    header = sniff(golden.data)
    assert header.format == name.split()[0]
    assert header.upright_size == (golden.rgb.shape[1], golden.rgb.shape[0])


@pytest.mark.parametrize(
    ("name", "frames", "bits", "channels", "alpha"),
    [
        ("jpeg gray", 1, 8, 1, False),
        ("jpeg cmyk", 1, 8, 4, False),
        ("png animated", 2, 8, 3, False),
        ("png animated default image", 2, 8, 3, False),
        ("png 16 bit rgb", 1, 16, 3, False),
        ("png 1 bit", 1, 1, 1, False),
        ("png rgba", 1, 8, 4, True),
        ("png palette transparent", 1, 8, 1, True),
        ("webp animated", 2, 8, 3, False),
        ("webp alpha", 1, 8, 4, True),
        ("tiff pages", 2, 8, 3, False),
        ("tiff 16 bit gray", 1, 16, 1, False),
        ("gif animated", 2, 8, 1, False),
        ("gif transparent", 1, 8, 1, True),
    ],
)
def test_header_tells_what_is_in_it(
    name: str, frames: int, bits: int, channels: int, alpha: bool
) -> None:
    header = sniff(GOLDENS[name].data)
    assert (header.frames, header.bits, header.channels, header.alpha) == (
        frames, bits, channels, alpha
    )  # fmt: skip


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_can_be_left_alone(form: str, value: int) -> None:
    turned = GOLDENS[f"{form} exif {value}"].data
    assert sniff(turned).orientation == value
    as_stored = decode(turned, DecodePolicy(exif=False))
    assert (as_stored == decode(GOLDENS[f"{form} exif 1"].data)).all()


def test_upright_is_a_group_of_eight() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    results = {
        upright(pixels, value).tobytes() + bytes(upright(pixels, value).shape)
        for value in range(1, 9)
    }
    assert len(results) == 8
    assert (upright(upright(pixels, 6), 8) == pixels).all()


def test_reduced_decoding_never_goes_below_what_is_asked() -> None:
    import cv2

    noise = np.random.default_rng(3).integers(0, 256, (203, 333, 3), np.uint8)
    ok, encoded = cv2.imencode(".jpg", noise)
    assert ok
    data = encoded.tobytes()
    shapes = {
        (166, 101): (102, 167), (167, 101): (203, 333), (83, 50): (51, 84), (41, 25): (26, 42),
        (1, 1): (26, 42), (1000, 1000): (203, 333), (333, 1): (203, 333),
    }  # fmt: skip
    for at_least, shape in shapes.items():
        picture = decode_picture(data, at_least=at_least)
        assert picture.pixels.shape[:2] == shape
        assert (picture.width, picture.height) == (333, 203)
    assert decode(data).shape == (203, 333, 3)


def test_reduced_decoding_knows_that_the_picture_is_turned() -> None:
    small = GOLDENS["jpeg exif 6"]  # 16 wide, 24 high when upright
    assert decode_picture(small.data, at_least=(8, 12)).pixels.shape == (12, 8, 3)
    assert decode_picture(small.data, at_least=(12, 8)).pixels.shape == (24, 16, 3)


def test_reduced_decoding_leaves_other_formats_alone() -> None:
    png = PLAIN["png"]
    assert decode_picture(png.data, at_least=(1, 1)).pixels.shape == png.rgb.shape


@pytest.mark.parametrize("name", GOLDENS)
def test_a_picture_has_its_size_however_it_lies(name: str) -> None:
    for policy in (DecodePolicy(), DecodePolicy(exif=False)):
        picture = decode_picture(GOLDENS[name].data, policy)
        assert picture.pixels.shape[:2] == (picture.height, picture.width)
        assert (picture.scale, picture.left, picture.top) == (1, 0.0, 0.0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_reduced_pixels_lie_where_the_picture_says(orientation: int, scale: int) -> None:
    """A slope tells where a pixel lies; 8 does not divide its size, so the last ones are cut."""
    import cv2

    width, height = 331, 205
    slope = np.zeros((height, width, 3), np.uint8)
    slope[:, :, 0] = np.linspace(20, 230, width)
    slope[:, :, 2] = np.linspace(230, 20, height)[:, None]
    ok, encoded = cv2.imencode(".jpg", slope, [
        cv2.IMWRITE_JPEG_QUALITY, 100,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ])  # fmt: skip
    assert ok
    data = with_orientation(encoded.tobytes(), orientation)
    full = decode(data).astype(int)
    least = full.shape[1] // scale, full.shape[0] // scale
    picture = decode_picture(data, at_least=least)
    assert picture.scale == scale
    assert (picture.height, picture.width) == full.shape[:2]
    for row, column in ((3, 5), (9, 20), (20, 9)):
        x = (column + 0.5 - picture.left) * scale - 0.5
        y = (row + 0.5 - picture.top) * scale - 0.5
        expected = cv2.getRectSubPix(full.astype(np.float32), (1, 1), (x, y))[0, 0]
        assert np.abs(picture.pixels[row, column] - expected).max() < 2


def with_orientation(jpeg: bytes, value: int) -> bytes:
    """The same file with an EXIF orientation in it."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, value, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def test_policy_is_json_for_the_fingerprint() -> None:
    assert DecodePolicy().as_dict() == {
        "max_pixels": 178_956_970, "max_bytes": 268_435_456, "exif": True, "rules": 3,
        "reduced": False,
    }  # fmt: skip
    assert DecodePolicy(reduced=True).as_dict() == {
        **DecodePolicy().as_dict(), "reduced": True, "close": CLOSE,
    }  # fmt: skip
