"""When, where and with what: what cameras write is found, and nothing else does any harm."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.decode import exif_facts
from batchcls.decode.decode import decode_picture
from batchcls.decode.sniff import sniff
from batchcls.images import ImageRef, Prediction
from batchcls.results import record
from tests.support import heif_files
from tests.support.exif_blocks import Tags, block, in_jpeg, in_png, in_tiff, in_webp

MAKE, MODEL, TAKEN, ZONE, FRACTION = 0x010F, 0x0110, 0x9003, 0x9011, 0x9291
WANTED = ("captured", "camera", "gps")
NOTHING = dict.fromkeys(WANTED, "")
PICTURE = np.full((8, 8, 3), 90, np.uint8)

FIRST: Tags = {MAKE: b"Canon\0", MODEL: b"Canon EOS 5D\0"}
TIME: Tags = {TAKEN: b"2024:05:01 13:45:12\0", ZONE: b"+02:00\0", FRACTION: b"340\0"}
PLACE: Tags = {
    1: b"S\0",
    2: [(33, 1), (51, 1), (3540, 100)],
    3: b"E\0",
    4: [(151, 1), (12, 1), (0, 1)],
}
FOUND = {
    "captured": "2024-05-01T13:45:12.340+02:00",
    "camera": "Canon EOS 5D",
    "gps": "-33.859833,151.200000",
}


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_a_camera_writes(order: str) -> None:
    written = block(FIRST, TIME, PLACE, order)
    assert exif_facts.facts(written, WANTED) == FOUND
    assert exif_facts.facts(b"Exif\0\0" + written, ("camera",)) == {"camera": "Canon EOS 5D"}


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
def test_each_format_hands_it_on(form: str) -> None:
    written = block(FIRST, TIME, PLACE)
    coded = cv2.imencode(f".{form}", PICTURE)[1].tobytes()
    assert exif_facts.facts(decode_picture(coded).exif, WANTED) == NOTHING
    if form == "tiff":
        whole = in_tiff(coded, FIRST, TIME, PLACE)
    else:
        put = {"jpeg": in_jpeg, "png": in_png, "webp": in_webp}
        whole = put[form](coded, written)
    picture = decode_picture(whole)
    assert picture.pixels.shape == PICTURE.shape
    assert exif_facts.facts(picture.exif, WANTED) == FOUND


@pytest.mark.parametrize("form", ["avif", "heic"])
def test_heif_hands_it_on_and_fails_for_none(form: str) -> None:
    picture = heif_files.picture(form, 64, 48)
    turned = replace(picture, properties=(*picture.properties, heif_files.irot(1)))
    refers = ((b"cdsc", [1]),)
    written = bytes(4) + block(FIRST, TIME, PLACE)
    whole = heif_files.Item(b"Exif", written, (), refers)
    found = sniff(heif_files.heif(form, [turned, whole])).exif
    assert exif_facts.facts(found, WANTED) == FOUND
    for extents in ([(1 << 40, 9)], [], [(0, 0)] * 300):
        broken = heif_files.Item(b"Exif", b"", (), refers, extents)
        header = sniff(heif_files.heif(form, [turned, broken]))
        assert exif_facts.facts(header.exif, WANTED) == NOTHING


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({TAKEN: b"2024:05:01 13:45:12\0"}, "2024-05-01T13:45:12"),
        ({TAKEN: b"2024-05-01T13:45:12"}, "2024-05-01T13:45:12"),
        ({**TIME, ZONE: b"Z\0"}, "2024-05-01T13:45:12.340+00:00"),
        ({**TIME, ZONE: b"   :  \0", FRACTION: b"    \0"}, "2024-05-01T13:45:12"),
        ({**TIME, ZONE: b"+25:00\0", FRACTION: b"\xb2\0"}, "2024-05-01T13:45:12"),
        ({TAKEN: b"0000:00:00 00:00:00\0"}, ""),
        ({TAKEN: b"2024:02:30 13:45:12\0"}, ""),
        ({TAKEN: b"    :  :     :  :  \0"}, ""),
        ({TAKEN: [(1, 2)]}, ""),
        ({}, ""),
    ],
)
def test_times(tags: Tags, expected: str) -> None:
    assert exif_facts.facts(block({}, tags), ("captured",)) == {"captured": expected}


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        (b"NIKON CORPORATION\0", b"NIKON D90\0\0\0", "NIKON D90"),
        (b"Apple\0", b"iPhone 15\0", "Apple iPhone 15"),
        (b"\0", b"X100\0", "X100"),
        (b"RECONYX\0", b"", "RECONYX"),
        (b"", b"", ""),
        (b"A\x1b[31m\nB\0", b"\xff\xe2\x80\xae\0", "A [31m B \N{REPLACEMENT CHARACTER}"),
        (b"", b"m" * 500, "m" * exif_facts.MOST_TEXT),
    ],
)
def test_cameras(make: bytes, model: bytes, expected: str) -> None:
    found = exif_facts.facts(block({MAKE: make, MODEL: model}), ("camera",))
    assert found == {"camera": expected}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, FOUND["gps"]),
        ({1: b"n\0", 3: b"W\0"}, "33.859833,-151.200000"),
        ({2: [(33859833, 10**6)]}, "-33.859833,151.200000"),
        ({2: [(0, 1), (0, 1), (0, 1)]}, "0.000000,151.200000"),
        ({2: [(0, 0), (0, 0), (0, 0)]}, ""),
        ({2: [(91, 1)]}, ""),
        ({2: [(2**32 - 1, 1)] * 3}, ""),
        ({4: [(1, 1)] * 4}, ""),
        ({4: b"151"}, ""),
        ({1: b"X\0"}, ""),
        ({3: b""}, ""),
    ],
)
def test_places(change: Tags, expected: str) -> None:
    assert exif_facts.facts(block({}, None, {**PLACE, **change}), ("gps",)) == {"gps": expected}


def check(written: bytes) -> None:
    found = exif_facts.facts(written, WANTED)
    line = record.ok_line(ImageRef(0, "a"), [Prediction(0, "a", 1.0)], found)
    assert record.parse(line).extra == found


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8), st.integers(0, 400)
)
def test_no_damage_does_any(changes: list[tuple[int, int]], end: int) -> None:
    written = bytearray(block(FIRST, TIME, PLACE))
    for at, value in changes:
        written[at % len(written)] = value
    check(bytes(written))
    check(bytes(written[:end]))


@given(st.binary(max_size=300), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_nor_does_chance(written: bytes, head: bytes) -> None:
    check(head + written)


TEXT = st.binary(max_size=120) | st.text(max_size=60).map(str.encode)
ANGLES = st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 2), max_size=3) | TEXT


@given(
    st.dictionaries(st.sampled_from([MAKE, MODEL]), TEXT),
    st.dictionaries(st.sampled_from([TAKEN, ZONE, FRACTION]), TEXT),
    st.dictionaries(st.sampled_from([1, 2, 3, 4]), ANGLES | st.sampled_from([b"N\0", b"E\0"])),
)
def test_whatever_stands_there_has_its_form(first: Tags, exif: Tags, gps: Tags) -> None:
    check(block(first, exif, gps))


def test_a_directory_that_points_to_itself_ends() -> None:
    written = bytearray(block({MAKE: b"abc\0"}, {}))
    start = written.index(b"\x69\x87")
    written[start + 8 : start + 12] = written[4:8]
    check(bytes(written))
