"""Cameras' raw files are labelled by the preview inside, and only where that is asked for.

What needs rawpy is run by `tox -e formats`. The files are DNGs put together by hand.
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.decode import camera_raw, decoders
from batchcls.decode.decode import decode, decode_picture, upright
from batchcls.decode.decoders import Decoder
from batchcls.decode.policy import DecodePolicy
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError
from batchcls.job.job import DEFAULT_NAMES, RAW_NAMES, Job
from tests.support.damaged_files import KINDS, decode_damaged
from tests.support.golden_files import GOLDENS
from tests.support.raw_files import dng

POLICY = DecodePolicy(raw=True)
SIZE = (40, 24)
with_rawpy = pytest.mark.skipif(find_spec("rawpy") is None, reason="tox -e formats")


def colours() -> NDArray[np.uint8]:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    return np.dstack([x * 6, y * 10, (x + y) * 4]).astype(np.uint8)


def jpeg() -> bytes:
    return cv2.imencode(".jpg", colours())[1].tobytes()


def test_raw_files_are_known_by_their_content() -> None:
    assert camera_raw.is_raw(dng(jpeg(), size=SIZE))
    for begins in (b"FUJIFILMCCD-RAW 0201", b"IIRO\x08", b"IIU\0\x18", b"\0\0\0\x18ftypcrx ",
                   b"II*\0\x10\0\0\0CR\2\0"):  # fmt: skip
        assert camera_raw.is_raw(begins.ljust(64, b"\0"))
    assert not [name for name, golden in GOLDENS.items() if camera_raw.is_raw(golden.data)]
    assert not camera_raw.is_raw(b"II*\0\xff\xff\xff\xff")


def test_names_of_raw_files_are_usual_with_raw_unless_others_were_chosen() -> None:
    assert Job().patterns == DEFAULT_NAMES
    assert Job(raw=True).patterns == (*DEFAULT_NAMES, *RAW_NAMES)
    assert Job(raw=True, names=("*.NEF",)).patterns == ("*.NEF",)


def test_policy_is_as_before_where_nobody_asks_for_previews() -> None:
    assert "raw" not in DecodePolicy().as_dict()
    assert POLICY.as_dict()["raw"] is True


def test_without_rawpy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Decoder("camera RAW", "no-such-package", "no-such-package>=1.0")
    monkeypatch.setattr(decoders, "RAW", away)
    camera_raw.library.cache_clear()
    try:
        with pytest.raises(ImageError, match="camera RAW needs no-such-package") as caught:
            decode(dng(jpeg(), size=SIZE), POLICY)
    finally:
        camera_raw.library.cache_clear()
    assert caught.value.kind == "no_decoder"


@with_rawpy
@pytest.mark.parametrize("value", range(1, 9))
def test_previews_are_turned_once(value: int) -> None:
    decoded = decode(jpeg())
    picture = decode_picture(dng(jpeg(), size=SIZE, orientation=value), POLICY)
    assert (picture.pixels == upright(decoded, value)).all()
    plain = dng(pixels=colours()[:, :, ::-1].tobytes(), size=SIZE, orientation=value)
    picture = decode_picture(plain, POLICY)
    assert (picture.pixels == upright(colours(), value)).all()
    assert (picture.height, picture.width) == picture.pixels.shape[:2]


@with_rawpy
def test_a_raw_file_without_a_preview_says_so() -> None:
    with pytest.raises(ImageError, match="without a preview") as caught:
        decode(dng(), POLICY)
    assert caught.value.kind == "corrupt"


@with_rawpy
def test_a_preview_is_as_hostile_as_any_other_jpeg() -> None:
    giant = bytearray(jpeg())
    at = giant.index(b"\xff\xc0") + 5
    giant[at : at + 4] = b"\xff\xdc\xff\xdc"
    with pytest.raises(ImageError) as caught:
        decode(dng(bytes(giant), size=SIZE), POLICY)
    assert caught.value.kind == "too_large"
    with pytest.raises(ImageError) as caught:
        decode(dng(jpeg()[:-60] + b"\xff\xd9", size=SIZE), POLICY)
    assert caught.value.kind == "truncated"


@with_rawpy
def test_without_raw_it_is_a_tiff_like_any_other() -> None:
    plain = dng(pixels=colours()[:, :, ::-1].tobytes(), size=SIZE)
    assert sniff(plain).format == "tiff"
    assert (decode(plain) == colours()).all()


@with_rawpy
def test_10000_damaged_raw_files_leave_the_process_alive(tmp_path: Path) -> None:
    original = tmp_path / "small.dng"
    original.write_bytes(dng(jpeg(), size=SIZE))
    outcomes = decode_damaged(str(original), 10_000, tmp_path)
    assert sum(outcomes.values()) == 10_000
    assert outcomes.keys() <= KINDS


@with_rawpy
def test_no_prefix_of_it_gives_another_picture() -> None:
    data = dng(jpeg(), size=SIZE)
    whole = decode(data, POLICY)
    for length in range(0, len(data), 7):
        try:
            assert (decode(data[:length], POLICY) == whole).all()
        except ImageError as error:
            assert error.kind in KINDS | {"empty"}
