"""Files as cameras, phones, scanners and GIS programs write them: the pixels that people see.

The picture has four quarters (red, green / blue, white): turns, mirrors and swapped channels show.
"""

import lzma
import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.decode.decode import decode, upright
from batchcls.decode.decoder_log import complaints
from batchcls.errors import ImageError
from tests.support.bombs import SIGNATURE, chunk

Pixels = NDArray[np.uint8]
W, H = 64, 48


def quarters() -> Pixels:
    """(48, 64, 3) RGB."""
    picture = np.zeros((H, W, 3), np.uint8)
    picture[: H // 2, : W // 2] = 220, 30, 30
    picture[: H // 2, W // 2 :] = 30, 200, 30
    picture[H // 2 :, : W // 2] = 30, 30, 220
    picture[H // 2 :, W // 2 :] = 240, 240, 240
    return picture


RGB = quarters()
GRAY = RGB[..., 1] >> 4
TURNED = upright(RGB, 6)


def seen(data: bytes) -> Pixels:
    """RGB."""
    return decode(data)[..., ::-1]


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    return f"{caught.value.kind}: {caught.value}"


def tiff(
    body: bytes = RGB.tobytes(),
    *more: tuple[int, int, int, int],
    order: str = "<",
    following: int = 0,
    **changed: int,
) -> bytes:
    """A strip and a directory behind it; `more` are tag, type, count and value."""
    tags = {
        "width": (256, 4, 1, W), "height": (257, 4, 1, H), "bits": (258, 3, 1, 8),
        "compression": (259, 3, 1, 1), "photometric": (262, 3, 1, 2), "at": (273, 4, 1, 8),
        "samples": (277, 3, 1, 3), "rows": (278, 4, 1, H), "size": (279, 4, 1, len(body)),
    }  # fmt: skip
    entries = [(t, k, n, changed.get(name, v)) for name, (t, k, n, v) in tags.items()]
    packed = b"".join(
        struct.pack(order + "HHI", tag, kind, count)
        + struct.pack(order + ("HH" if kind == 3 and count == 1 else "I"),
                      *((value, 0) if kind == 3 and count == 1 else (value,)))
        for tag, kind, count, value in sorted([*entries, *more])
    )  # fmt: skip
    magic = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body))
    count = struct.pack(order + "H", len(entries) + len(more))
    return magic + body + count + packed + struct.pack(order + "I", following)


def tiled(orientation: int) -> bytes:
    """Twelve tiles of 16 by 16."""
    tiles = [
        RGB[y : y + 16, x : x + 16].tobytes() for y in range(0, H, 16) for x in range(0, W, 16)
    ]
    offsets = struct.pack("<12I", *(8 + 768 * n for n in range(12)))
    sizes = struct.pack("<12I", *[768] * 12)
    body = b"".join(tiles) + offsets + sizes
    at = 8 + 768 * 12
    plain = tiff(
        body,
        (322, 3, 1, 16), (323, 3, 1, 16), (324, 4, 12, at), (325, 4, 12, at + 48),
        (274, 3, 1, orientation),
    )  # fmt: skip
    # Without the tags of strips: they become private ones.
    for strip in (273, 278, 279):
        plain = plain.replace(struct.pack("<HHI", strip, 4, 1), struct.pack("<HHI", 65_000, 4, 1))
    return plain


def exif(orientation: int) -> bytes:
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def xmp(orientation: int) -> bytes:
    return b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % orientation


def jpeg(*app1: bytes) -> bytes:
    ok, encoded = cv2.imencode(".jpg", RGB[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert ok
    data = encoded.tobytes()
    parts = b"".join(b"\xff\xe1" + struct.pack(">H", len(one) + 2) + one for one in app1)
    return data[:2] + parts + data[2:]


def png(*extra: bytes, ending: bytes | None = None) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in RGB)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0))
    ending = chunk(b"IEND", b"") if ending is None else ending
    return SIGNATURE + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + ending


def raw_profile(orientation: int) -> bytes:
    block = b"Exif\0\0" + exif(orientation)
    return b"\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())


def webp(*chunks: tuple[bytes, bytes], flags: int = 0x0C) -> bytes:
    ok, encoded = cv2.imencode(".webp", RGB[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert ok
    extended = struct.pack("<4sIBxxx", b"VP8X", 10, flags)
    extended += (W - 1).to_bytes(3, "little") + (H - 1).to_bytes(3, "little")
    body = extended + encoded.tobytes()[12:]
    for kind, content in chunks:
        body += kind + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiles_are_turned_as_strips_are(orientation: int) -> None:
    expected = upright(RGB, orientation)
    assert (seen(tiff(RGB.tobytes(), (274, 3, 1, orientation))) == expected).all()
    assert (seen(tiled(orientation)) == expected).all()


@pytest.mark.parametrize(
    ("number", "name"),
    [(33003, "JPEG 2000"), (34712, "JPEG 2000"), (50002, "JPEG XL"), (50001, "WebP"),
     (34933, "PNG"), (34887, "LERC"), (12345, "12345")],
)  # fmt: skip
def test_a_compression_that_nothing_here_undoes_is_named(number: int, name: str) -> None:
    said = refused(tiff(bytes(range(256)) * 36, compression=number))
    assert said.startswith("corrupt: TIFF compressed with")
    assert name in said


@pytest.mark.parametrize("damage", [b"\0" * 40, b"\xff" * 40, b"\x12\x34" * 20])
@pytest.mark.parametrize("number", [5, 8, 34925, 50000])
def test_data_that_cannot_be_undone_are_a_failure_and_no_black_picture(
    number: int, damage: bytes
) -> None:
    assert refused(tiff(damage * 20, compression=number)).startswith(("corrupt", "truncated"))


def test_what_the_tiff_decoder_complains_of_is_heard_and_nothing_else_is_lost(
    capfd: pytest.CaptureFixture[str],
) -> None:
    import os

    def noisy() -> int:
        os.write(2, b"Corrupt JPEG data: of another thread\n")
        os.write(2, b"[ERROR:0@0.1] global grfmt_tiff.cpp:117 TIFF_Error no such tile\n")
        os.write(2, b"[ WARN:0@0.1] global grfmt_tiff.cpp:123 TIFF_Warning unknown field\n> more\n")
        return 7

    assert complaints(noisy) == (7, ["no such tile"])
    assert capfd.readouterr().err == "Corrupt JPEG data: of another thread\n"


def zstandard(data: bytes) -> bytes:
    """A frame of raw blocks: valid, and needs no library to write."""
    blocks = b""
    parts = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        blocks += (last | len(part) << 3).to_bytes(3, "little") + part
    return b"\x28\xb5\x2f\xfd\x80\x58" + struct.pack("<I", len(data)) + blocks


@pytest.mark.parametrize(
    ("number", "packed"),
    [(34925, lzma.compress(RGB.tobytes())), (50000, zstandard(RGB.tobytes()))],
    ids=["lzma", "zstandard"],
)
def test_compressions_that_opencv_lacks(number: int, packed: bytes) -> None:
    assert (seen(tiff(packed, compression=number)) == RGB).all()
    assert refused(tiff(packed[: len(packed) // 2], compression=number)).startswith(
        ("corrupt", "truncated")
    )


def test_lzma_with_differences_between_neighbours() -> None:
    differences = RGB.copy()
    differences[:, 1:] = RGB[:, 1:] - RGB[:, :-1]
    packed = lzma.compress(differences.tobytes())
    assert (seen(tiff(packed, (317, 3, 1, 2), compression=34925)) == RGB).all()


@pytest.mark.parametrize("order", "<>")
def test_a_directory_that_is_wrong_about_what_nobody_needs(order: str) -> None:
    for data in (
        tiff(RGB.tobytes(), (305, 2, 40, 10**6), order=order),  # a text behind the file's end
        tiff(following=0x20202020, order=order),  # a second page that is not there
        tiff(size=RGB.nbytes + 5000, order=order),  # more bytes than the strip needs
        tiff(size=1, order=order),  # and fewer
    ):
        assert (seen(data) == RGB).all()


@pytest.mark.parametrize(("photometric", "sign"), [(1, 1), (0, -1)])
def test_gray_of_four_and_of_two_bits(photometric: int, sign: int) -> None:
    four = GRAY[:, ::2] << 4 | GRAY[:, 1::2]
    expected = GRAY * 17 if sign == 1 else 255 - GRAY * 17
    assert (
        seen(tiff(four.tobytes(), bits=4, samples=1, photometric=photometric))
        == expected[..., None]
    ).all()
    gray = GRAY >> 2
    two = gray[:, ::4] << 6 | gray[:, 1::4] << 4 | gray[:, 2::4] << 2 | gray[:, 3::4]
    expected = gray * 85 if sign == 1 else 255 - gray * 85
    assert (
        seen(tiff(two.tobytes(), bits=2, samples=1, photometric=photometric)) == expected[..., None]
    ).all()
    odd = tiff(
        four.tobytes(), bits=4, width=63, samples=1, photometric=photometric
    )  # the last byte of a row half used
    assert seen(odd).shape == (48, 63, 3)


@pytest.mark.parametrize("bands", [3, 4])
def test_of_bands_the_first_three_are_the_picture(bands: int) -> None:
    more = np.full((H, W, bands - 3), 9, np.uint8)
    data = tiff(np.dstack([RGB, more]).tobytes(), samples=bands, photometric=1)
    assert (seen(data) == RGB).all()


def bmp(masks: tuple[int, ...], pixels: NDArray[np.unsignedinteger], pixels_at: int = 66) -> bytes:
    body = pixels[::-1].tobytes()
    header = struct.pack("<IIHHII", 66 + len(body), 0, 0, 0, 0, 0)[:4]
    header = b"BM" + header + bytes(4) + struct.pack("<I", pixels_at)
    header += struct.pack("<IiiHHIIiiII", 40, W, H, 1, 8 * pixels.itemsize, 3, 0, 0, 0, 0, 0)
    return header + struct.pack("<III", *masks) + body


def test_a_bmp_has_the_colours_that_its_masks_say() -> None:
    r, g, b = (RGB[..., n].astype(np.uint32) for n in range(3))
    reversed_order = bmp((0xFF, 0xFF00, 0xFF0000), (b << 16 | g << 8 | r).astype("<u4"))
    assert (seen(reversed_order) == RGB).all()
    high = bmp((0xFF000000, 0xFF0000, 0xFF00), (r << 24 | g << 16 | b << 8).astype("<u4"))
    assert (seen(high) == RGB).all()
    twelve = (r >> 4 | (g >> 4) << 4 | (b >> 4) << 8).astype("<u2")
    assert (seen(bmp((0xF, 0xF0, 0xF00), twelve)) == (RGB >> 4) * 17).all()
    assert "bit mask" in refused(bmp((0b101, 0xFF00, 0xFF0000), (b << 16).astype("<u4")))


def test_a_bmp_of_16_bits_has_whole_white_as_pillow_gives_it() -> None:
    r, g, b = (RGB[..., n].astype(np.uint32) for n in range(3))
    fives = np.dstack([RGB[..., n] >> 3 for n in range(3)]).astype(np.uint32) * 255 // 31
    six = (g >> 2) * 255 // 63
    packed = (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype("<u2")
    expected = np.dstack([fives[..., 0], six, fives[..., 2]])
    assert (seen(bmp((0xF800, 0x07E0, 0x001F), packed)) == expected).all()
    packed = (r >> 3 << 10 | g >> 3 << 5 | b >> 3).astype("<u2")
    by_masks = bmp((0x7C00, 0x03E0, 0x001F), packed)
    assert (seen(by_masks) == fives).all()
    without = by_masks[:10] + bytes([54]) + by_masks[11:30] + bytes(1) + by_masks[31:54]
    assert (seen(without + by_masks[66:]) == fives).all()


def test_a_bmp_that_does_not_say_where_its_pixels_are() -> None:
    ok, encoded = cv2.imencode(".bmp", RGB[..., ::-1])
    assert ok
    data = encoded.tobytes()
    assert (seen(data[:10] + bytes(4) + data[14:]) == RGB).all()


@pytest.mark.parametrize(
    "segments",
    [
        (b"Exif\0\0" + exif(6), b"Exif\0\0" + b"prompt " * 3000),
        (b"Exif\0\0" + exif(6), b"Exif\0\0" + exif(1)),
        (b"http://ns.adobe.com/xap/1.0/\0" + xmp(6),),
        (b"Exif\0\0" + exif(6), b"http://ns.adobe.com/xap/1.0/\0" + xmp(3)),
    ],
    ids=["a prompt", "two", "xmp alone", "exif before xmp"],
)
def test_which_way_up_a_jpeg_is(segments: tuple[bytes, ...]) -> None:
    assert (decode(jpeg(*segments)) == upright(decode(jpeg()), 6)).all()


def test_an_orientation_that_makes_no_sense_is_still_one_that_is_said() -> None:
    data = jpeg(b"Exif\0\0" + exif(0), b"http://ns.adobe.com/xap/1.0/\0" + xmp(6))
    assert (decode(data) == decode(jpeg())).all()


ITXT = b"XML:com.adobe.xmp\0"


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"eXIf", exif(6)),
        chunk(b"eXIf", exif(1)) + chunk(b"eXIf", exif(6)),  # forbidden; Pillow takes the last
        chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(6)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(6))),
        chunk(b"iTXt", ITXT + b"\0\0\0\0" + xmp(6)),
        chunk(b"iTXt", ITXT + b"\1\0\0\0" + zlib.compress(xmp(6))),
        chunk(b"eXIf", exif(6)) + chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(1)),
        chunk(b"iTXt", ITXT + b"\0\0\0\0" + xmp(1)) + chunk(b"eXIf", exif(6)),
    ],
)
def test_which_way_up_a_png_is(extra: bytes) -> None:
    assert (seen(png(extra)) == TURNED).all()


def test_a_raw_profile_of_nonsense_turns_nothing() -> None:
    for content in (b"\nexif\n10\nzz\n", b"", b"\xff" * 30):
        assert (seen(png(chunk(b"tEXt", b"Raw profile type exif\0" + content))) == RGB).all()
    assert (seen(png(chunk(b"zTXt", b"Raw profile type exif\0\0no zlib"))) == RGB).all()


@pytest.mark.parametrize(
    "chunks",
    [
        ((b"EXIF", exif(6)),),
        ((b"EXIF", exif(6)), (b"EXIF", exif(1))),
        ((b"XMP ", xmp(6)),),
        ((b"XMP ", xmp(1)), (b"EXIF", exif(6))),
    ],
)
def test_which_way_up_a_webp_is(chunks: tuple[tuple[bytes, bytes], ...]) -> None:
    assert (seen(webp(*chunks)) == TURNED).all()


def test_a_webp_that_lost_what_may_turn_it_is_refused() -> None:
    data = webp((b"EXIF", exif(6)), flags=8)
    assert refused(data[:-10]).startswith("truncated")
    assert (seen(webp((b"XYZW", bytes(30)), flags=0)[:-20]) == RGB).all()


def test_which_way_up_a_tiff_is() -> None:
    packet = xmp(6)
    body = RGB.tobytes() + packet
    said = tiff(body, (700, 1, len(packet), 8 + RGB.nbytes), size=RGB.nbytes)
    assert (seen(said) == TURNED).all()


@pytest.mark.parametrize("ending", [b"", bytes(500), b"\0\0\0\0IE", b"not a chunk at all"])
def test_a_png_without_an_end(ending: bytes) -> None:
    assert (seen(png(ending=ending)) == RGB).all()


def test_a_jpeg_of_restart_markers_needs_all_of_them() -> None:
    ok, encoded = cv2.imencode(".jpg", RGB[..., ::-1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])
    assert ok
    data = encoded.tobytes()
    assert (decode(data[:-2]) == decode(data)).all()
    last = max(data.rfind(bytes([0xFF, marker])) for marker in range(0xD0, 0xD8))
    for cut in (last, last + 1, last + 2):
        assert refused(data[:cut]).startswith("truncated")
