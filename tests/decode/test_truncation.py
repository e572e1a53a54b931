"""A file that ends early is never a picture: no strict prefix of any small file decodes."""

import cv2
import numpy as np
import pytest

from batchcls.decode.decode import decode
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError
from tests.support.golden_files import GOLDENS, PLAIN


@pytest.mark.parametrize("name", GOLDENS)
def test_no_strict_prefix_is_ok(name: str) -> None:
    data = GOLDENS[name].data
    assert 50 < len(data) <= 4096
    for length in range(len(data)):
        with pytest.raises(ImageError) as caught:
            decode(data[:length])
        assert caught.value.kind == ("truncated" if length else "empty"), length


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
