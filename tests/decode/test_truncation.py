"""A file that ends early is never a picture: no strict prefix of any small file decodes."""

import cv2
import numpy as np
import pytest

from batchcls.decode.decode import decode
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError
from tests.support.golden_files import GOLDENS, PLAIN
from tests.support.prefixes import whole_prefixes


@pytest.mark.runs
@pytest.mark.parametrize("name", GOLDENS)
def test_a_prefix_is_the_whole_picture_or_is_refused(name: str) -> None:
    data = GOLDENS[name].data
    assert 50 < len(data) <= 4096
    lengths = whole_prefixes(data)
    assert lengths == list(range(len(data) - len(lengths), len(data)))  # once whole, always whole


@pytest.mark.runs
@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("jpeg subsampling 2", 2),  # the end marker
        ("jpeg progressive", 2),
        ("jpeg cmyk", 2),
        ("jpeg restart markers", 2),
        ("png rgb", 16),  # IEND and the checksum of the last IDAT, for zlib has its own
        ("png animated default image", 328),  # the frames that nobody looks at
        ("gif", 2),  # the end of the last block of codes, and the trailer
        ("gif animated", 227),
        ("webp lossless", 1),  # a byte that only fills up
        ("webp lossy", 0),
        ("webp animated", 172),
        ("bmp rgb", 0),
        ("tiff rgb", 0),  # its directory is its end
        ("tiff pages", 1296),
    ],
)
def test_where_the_picture_ends_in_each_format(name: str, behind: int) -> None:
    assert len(whole_prefixes(GOLDENS[name].data)) == behind


PADDINGS = {
    "zeros": bytes(600),
    "ones": b"\xff" * 600,
    "text": b"This was another file's cluster. " * 20,
    "jpeg": PLAIN["jpeg"].data,
    "samsung": b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1700000000000SEFH" + bytes(40) + b"SEFT",
}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    "name", ["jpeg subsampling 2", "jpeg progressive", "jpeg gray", "png rgb", "gif"]
)
def test_a_picture_that_is_cut_and_padded_is_whole_or_refused(name: str, padding: str) -> None:
    data = GOLDENS[name].data
    whole = decode(data)
    begins = {"jpeg": b"\xff\xda", "png": b"IDAT", "gif": b"\x2c"}[name.split()[0]]
    for length in range(data.find(begins) + 16, len(data)):
        try:
            pixels = decode(data[:length] + PADDINGS[padding])
        except ImageError:
            continue
        assert pixels.shape == whole.shape, length
        assert (pixels == whole).all(), length


@pytest.mark.parametrize("form", PLAIN)
def test_bytes_behind_the_picture_do_no_harm(form: str) -> None:
    golden = PLAIN[form]
    assert (decode(golden.data + b"\0\0trailing;\xff\xd9") == decode(golden.data)).all()


def photo(*flags: int, gray: bool = False) -> bytes:
    y, x = np.mgrid[0:240, 0:320]
    colours = np.dstack([x % 256, y % 256, (x * y // 50) % 256]).astype(np.uint8)
    ok, encoded = cv2.imencode(".jpg", colours[..., 0] if gray else colours, flags)
    assert ok
    return encoded.tobytes()


KINDS = {
    "colour": photo(),
    "gray": photo(gray=True),
    "4:4:4": photo(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    "restarts": photo(cv2.IMWRITE_JPEG_RST_INTERVAL, 8),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.97])
def test_end_marker_behind_half_a_jpeg_is_seen_through(kind: str, share: float) -> None:
    data = KINDS[kind]
    at = int(len(data) * share)
    for cut in (data[:at], data[:at] + b"\xff"):
        for behind in (b"", b"another picture \xff\xd9"):
            whole = cut + b"\xff\xd9" + behind
            sniff(whole)  # its structure is whole: only the decoder finds out
            with pytest.raises(ImageError) as caught:
                decode(whole)
            assert caught.value.kind == "truncated"


def test_gray_corner_alone_is_no_sign() -> None:
    gray = np.full((64, 64, 3), 128, np.uint8)
    gray[:32] = 7
    ok, encoded = cv2.imencode(".jpg", gray)
    assert ok
    pixels = decode(encoded.tobytes())
    assert (pixels[-1, -1] == 128).all()


def test_progressive_jpeg_without_its_first_scan_of_a_colour_is_truncated() -> None:
    data = photo(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 3
    with pytest.raises(ImageError) as caught:
        sniff(data[: scans[0]] + b"\xff\xd9")
    assert caught.value.kind == "corrupt"
    with pytest.raises(ImageError) as caught:
        sniff(data[: scans[1]] + b"\xff\xd9")  # all that is there lacks the last bit of DC
    assert caught.value.kind == "truncated"
