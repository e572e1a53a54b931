"""Reading a header never fails in any way but `ImageError`, whatever the bytes."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcls.decode import exif, hevc, jpeg
from batchcls.decode.header import Header
from batchcls.decode.sniff import MAGIC, sniff
from batchcls.errors import ImageError
from tests.support.golden_files import GOLDENS, PLAIN
from tests.support.heif_files import hevc_sequence, hvcc

MAGICS = [magic for magic, _ in MAGIC]
KINDS = {"empty", "not_image", "truncated", "corrupt", "too_large"}


def sniffed(data: bytes) -> Header | str:
    """The header, or the kind of error."""
    try:
        return sniff(data)
    except ImageError as error:
        return error.kind


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([b"", *MAGICS]), st.binary(max_size=300))
def test_random_bytes(magic: bytes, rest: bytes) -> None:
    outcome = sniffed(magic + rest)
    if isinstance(outcome, Header):
        assert outcome.width > 0
        assert outcome.height > 0
    else:
        assert outcome in KINDS


@pytest.mark.runs
@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(GOLDENS)),
    st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=8)), max_size=4),
)
def test_overwritten_bytes(name: str, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(GOLDENS[name].data)
    for at, block in changes:
        data[at : at + len(block)] = block
    outcome = sniffed(bytes(data))
    if isinstance(outcome, Header):
        assert 1 <= outcome.orientation <= 8
    else:
        assert outcome in KINDS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GIF90a" + bytes(30), "not JPEG"),
        (b"RIFF\x04\0\0\0WAVE" + bytes(30), "not JPEG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "CR3, which `--raw` reads$"),
        (b"\xff\x0a" + bytes(30), "JPEG XL.*djxl in.jxl out.png"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "JPEG XL.*djxl"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "a film$"),
        (b"<html>", "HTML"),
        (b"\xef\xbb\xbf\n<!DOCTYPE HTML><title>404", "HTML, as from a failed download$"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "AppleDouble"),
        (b"II\xbc\x01", "JPEG XR"),
        (b"P6\n4 4\n255\n", "PNM"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (bytes(5000), "nothing but zero bytes"),
        (bytes(128) + b"DICM\2\0", "DICOM$"),
        (b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0", "JPEG-LS$"),
        (b"BMW is a car, and this is a text about it", "not BMP|begins like BMP"),
        (b"Make America", "not JPEG"),
    ],
)
def test_strangers_are_called_by_name(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        sniff(data)
    assert caught.value.kind == "not_image"


def test_size_limit_is_exact() -> None:
    data = PLAIN["png"].data
    assert sniff(data, max_pixels=24 * 16).width == 24
    with pytest.raises(ImageError, match=r"24x16 pixels, over the limit of 383") as caught:
        sniff(data, max_pixels=24 * 16 - 1)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("kind", "form"), [(3, "H"), (4, "I")])
@pytest.mark.parametrize("value", range(10))
def test_exif_orientation(order: str, kind: int, form: str, value: int) -> None:
    entry = struct.pack(order + "HHI" + form, 0x0112, kind, 1, value).ljust(12, b"\0")
    other = struct.pack(order + "HHII", 0x010F, 2, 4, 0)
    block = (
        (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 2) + other + entry
    )
    expected = value if 1 <= value <= 8 else 1
    assert exif.upright(block, None) == expected
    assert exif.upright(b"Exif\0\0" + block, None) == expected


@given(st.sampled_from([b"II*\0", b"MM\0*", b"Exif\0\0II*\0", b""]), st.binary(max_size=60))
def test_exif_of_random_bytes(magic: bytes, rest: bytes) -> None:
    assert 1 <= exif.upright(magic + rest, rest) <= 8


def test_gif_frame_beyond_any_canvas() -> None:
    # File 20383487 of test_damaged_files: left + width needs more than the 16 bits of a canvas.
    data = bytearray(PLAIN["gif"].data)
    at = data.find(b"\x2c\0\0\0\0")
    data[at + 1 : at + 3] = b"\xff\xff"
    with pytest.raises(ImageError, match="no canvas") as caught:
        sniff(bytes(data))
    assert caught.value.kind == "corrupt"


@pytest.mark.runs
@pytest.mark.parametrize("block", [2, 3, 64])
@settings(deadline=None)
@given(data=st.lists(st.sampled_from([0, 1, 7, 0xD0, 0xD9, 0xFF, 0xFF]), max_size=200).map(bytes))
def test_markers_are_found_in_blocks_as_in_one(block: int, data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg, "BLOCK", block)
        patch.setattr(jpeg, "LONG", 1)
        for at in range(len(data)):
            past = jpeg._past_pixels(data, at)
            assert at <= past
            found = jpeg.NEXT_MARKER.search(data, past)
            expected = jpeg.NEXT_MARKER.search(data, at)
            assert (found and found.span()) == (expected and expected.span())


def test_a_second_eye_of_a_heic_has_no_size() -> None:
    first = hevc_sequence(64, 48)
    second = first[:1] + bytes([1 << 3 | 1]) + hevc_sequence(1 << 15, 1 << 15)[2:]
    assert hevc.sizes(b"", hvcc(first, second)[8:]) == [(64, 48)]


def test_a_heic_has_the_size_of_each_set_even_with_the_bit_that_decoders_skip() -> None:
    first, second = hevc_sequence(64, 48), hevc_sequence(128, 96)
    configuration = hvcc(first, bytes([second[0] | 0x80]) + second[1:])[8:]
    assert hevc.sizes(b"", configuration) == [(64, 48), (128, 96)]


@pytest.mark.parametrize("size", [1, 2])
def test_a_heic_in_units_that_its_decoder_would_part_elsewhere_is_corrupt(size: int) -> None:
    configuration = bytearray(hvcc(hevc_sequence(64, 48))[8:])
    configuration[21] = size - 1
    with pytest.raises(ImageError, match=f"lengths have {size} bytes, not 4") as caught:
        hevc.sizes(b"", bytes(configuration))
    assert caught.value.kind == "corrupt"
