"""Writes goldens.json: small files of every kind, and the pixels that Pillow makes of them.

Run by hand, with Pillow 13, numpy, tifffile and opencv-python:
``python -m tests.decode.make_goldens [FORMAT …]``, for some formats or for all.
The tests read the file alone, and need no Pillow.
"""

# mypy: ignore-errors

import base64
import dataclasses
import io
import json
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps

from tests.support import heif_files

W, H = 24, 16
y, x = np.mgrid[0:H, 0:W]
RGB = np.dstack([x * 10, y * 15, 255 - x * 5 - y * 6]).clip(0, 255).astype(np.uint8)
RGB[2:6, 3:9] = (250, 20, 30)
RGB[9:14, 12:20] = (10, 240, 90)
ALPHA = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
RGB16 = (RGB.astype(np.uint16) << 8) + (x * 7 % 256).astype(np.uint16)[..., None]
IM = Image.fromarray(RGB)
GRAY = IM.convert("L")
PALETTE = IM.quantize(32)
RGBA = Image.fromarray(np.dstack([RGB, ALPHA]))
LA = Image.merge("LA", [GRAY, Image.fromarray(ALPHA)])
BIT = GRAY.convert("1")
_c = np.array(IM.convert("CMYK"))
_c[:, :, 3] = np.linspace(0, 180, W).astype(np.uint8)
CMYK = Image.fromarray(_c, "CMYK")
OTHER = ImageOps.invert(IM)
SRGB = ImageCms.createProfile("sRGB")
TO_LAB = ImageCms.buildTransform(SRGB, ImageCms.createProfile("LAB"), "RGB", "LAB")
# A profile that nobody can miss: red means green, and green red.
SWAPPED = (
    ImageCms.ImageCmsProfile(SRGB)
    .tobytes()
    .replace(b"rXYZ", b"----", 1)
    .replace(b"gXYZ", b"rXYZ", 1)
    .replace(b"----", b"gXYZ", 1)
)

rows = {}


def save(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def encode(ending, array, *flags):
    return cv2.imencode(ending, np.ascontiguousarray(array), flags)[1].tobytes()


def golden(name, data, expected=None, tolerance=0):
    if expected is None:
        expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    rows[name] = {
        "file": base64.b64encode(data).decode(),
        "shape": expected.shape[:2],
        "rgb": base64.b64encode(zlib.compress(expected.tobytes(), 9)).decode(),
        "tolerance": tolerance,
    }


def adam7(array):
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2))  # fmt: skip
    raw = b""
    for px, py, dx, dy in passes:
        for line in array[py::dy, px::dx]:
            raw += b"\0" + line.tobytes() if line.size else b""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


for sampling in (0, 1, 2):
    golden(f"jpeg subsampling {sampling}", save(IM, "JPEG", quality=90, subsampling=sampling))
golden("jpeg progressive", save(IM, "JPEG", progressive=True))
golden("jpeg gray", save(GRAY, "JPEG"))
golden("jpeg cmyk", save(CMYK, "JPEG", quality=95), tolerance=1)
# Y, Cb, Cr and K in place of C, M, Y, K; then the Adobe marker says so.
_ycck = save(
    Image.merge("CMYK", [*IM.convert("YCbCr").split(), CMYK.split()[3]]), "JPEG", quality=95
)
_at = _ycck.index(b"\xff\xee\0\x0eAdobe") + 15
golden("jpeg ycck", _ycck[:_at] + b"\2" + _ycck[_at + 1 :], tolerance=1)
golden("jpeg restart markers", encode(".jpg", RGB[..., ::-1], cv2.IMWRITE_JPEG_RST_INTERVAL, 1))
for name, image in {
    "rgb": IM,
    "rgba": RGBA,
    "gray alpha": LA,
    "gray": GRAY,
    "palette": PALETTE,
    "1 bit": BIT,
}.items():
    golden(f"png {name}", save(image, "PNG"))
golden("png palette transparent", save(PALETTE, "PNG", transparency=3))
golden("png colour key", save(IM, "PNG", transparency=tuple(int(v) for v in RGB[0, 0])))
golden("png interlaced", adam7(RGB))
golden("png 16 bit rgb", encode(".png", RGB16[..., ::-1]))
golden("png 16 bit gray", encode(".png", RGB16[..., 0]), np.repeat(RGB[..., :1], 3, 2))
golden("png animated", save(IM, "PNG", save_all=True, append_images=[OTHER]))
golden(
    "png animated default image",
    save(IM, "PNG", save_all=True, default_image=True, append_images=[OTHER, IM]),
)
golden("webp lossy", save(IM, "WEBP"))
golden("webp lossless", save(IM, "WEBP", lossless=True))
golden("webp alpha", save(RGBA, "WEBP", lossless=True, exact=True))
golden("webp lossy alpha", save(RGBA, "WEBP"))
golden(
    "webp animated",
    save(IM, "WEBP", save_all=True, lossless=True, append_images=[OTHER], duration=90),
)
for name, image in {
    "rgb": IM,
    "rgba": RGBA,
    "gray": GRAY,
    "palette": PALETTE,
    "1 bit": BIT,
}.items():
    golden(f"bmp {name}", save(image, "BMP"))
for name, image in {
    "rgb": IM,
    "rgba": RGBA,
    "gray alpha": LA,
    "gray": GRAY,
    "palette": PALETTE,
    "1 bit": BIT,
}.items():
    golden(f"tiff {name}", save(image, "TIFF"))
golden("tiff cmyk", save(CMYK, "TIFF"), tolerance=1)
golden("tiff lzw", save(IM, "TIFF", compression="tiff_lzw"))
golden("tiff deflate", save(IM, "TIFF", compression="tiff_deflate"))
golden("tiff packbits", save(IM, "TIFF", compression="packbits"))
golden("tiff jpeg", save(IM, "TIFF", compression="jpeg"), tolerance=1)
golden("tiff group 4", save(BIT, "TIFF", compression="group4"))
golden("tiff 16 bit rgb", encode(".tiff", RGB16[..., ::-1]), RGB, tolerance=1)
golden("tiff 16 bit gray", encode(".tiff", RGB16[..., 0]), np.repeat(RGB[..., :1], 3, 2))
# Pillow pads the last page with zeros, which nobody would miss.
golden("tiff pages", save(IM, "TIFF", save_all=True, append_images=[OTHER]).rstrip(b"\0"))


def tifffile_bytes(array, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, array, metadata=None, software=False, **options)
    return out.getvalue()


golden("tiff tiles", tifffile_bytes(RGB, photometric="rgb", tile=(16, 16), compression="zlib"), RGB)
golden("tiff big", tifffile_bytes(RGB, photometric="rgb", bigtiff=True), RGB)
golden("tiff big-endian", tifffile_bytes(RGB, photometric="rgb", byteorder=">"), RGB)
golden(
    "tiff planes",
    tifffile_bytes(RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
    RGB,
)
golden(
    "tiff rgba big-endian",
    tifffile_bytes(np.array(RGBA), photometric="rgb", byteorder=">", extrasamples=["unassalpha"]),
    RGB,
)
golden(
    "tiff premultiplied alpha",
    tifffile_bytes(
        np.dstack([RGB * (ALPHA[..., None] / 255.0), ALPHA]).round().astype(np.uint8),
        photometric="rgb",
        extrasamples=["assocalpha"],
    ),
    (RGB * (ALPHA[..., None] / 255.0)).round().astype(np.uint8),
)
_lab = tifffile_bytes(np.array(ImageCms.applyTransform(IM, TO_LAB)), photometric="cielab")
golden("tiff lab", _lab, cv2.imdecode(np.frombuffer(_lab, np.uint8), 1)[..., ::-1].copy())
golden("gif", save(PALETTE, "GIF"))
golden("gif interlaced", save(PALETTE, "GIF", interlace=1))
golden("gif transparent", save(PALETTE, "GIF", transparency=5))
golden("gif animated", save(PALETTE, "GIF", save_all=True, append_images=[OTHER.quantize(16)]))
_g = bytearray(save(PALETTE, "GIF"))
_g[6:10] = struct.pack("<HH", W + 6, H + 4)
_g[11] = 7
_at = _g.find(b"\x2c\0\0\0\0")
_g[_at + 1 : _at + 5] = struct.pack("<HH", 4, 3)
golden("gif frame inside canvas", bytes(_g))
_g[6:10] = struct.pack("<HH", 10, 8)
golden("gif frame over canvas", bytes(_g))
for value in range(1, 9):
    exif = Image.Exif()
    exif[274] = value
    for form, options in (
        ("JPEG", {"quality": 90}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
    ):
        golden(f"{form.lower()} exif {value}", save(IM, form, exif=exif, **options))
exif = Image.Exif()
exif[274] = 9
golden("jpeg exif 9", save(IM, "JPEG", quality=90, exif=exif))
for form, options in (("JPEG", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
    data = save(IM, form, icc_profile=SWAPPED, **options)
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == SWAPPED
    golden(f"{form.lower()} colour profile", data)
_png = save(IM, "PNG")
_gamma = b"gAMA" + struct.pack(">I", 100_000)  # linear light
_gamma = struct.pack(">I", 4) + _gamma + struct.pack(">I", zlib.crc32(_gamma))
golden("png gamma", _png[:33] + _gamma + _png[33:])


def av1_item(data, size, *properties):
    """The picture of an AVIF file, with further properties."""
    coded, at = data[data.index(b"mdat") + 4 :], data.index(b"av1C") - 4
    return heif_files.Item(
        b"av01", coded, (heif_files.ispe(*size), data[at : at + 12], *properties)
    )


for sampling in ("4:2:0", "4:2:2", "4:4:4"):
    golden(f"avif subsampling {sampling}", save(IM, "AVIF", subsampling=sampling))
golden("avif limited range", save(IM, "AVIF", range="limited"))
golden("avif gray", save(GRAY, "AVIF"))
golden("avif gray limited range", save(GRAY, "AVIF", range="limited"))
_gray10 = encode(".avif", RGB16[..., 1] >> 6, cv2.IMWRITE_AVIF_DEPTH, 10)
golden("avif gray 10 bit", _gray10, tolerance=1)
golden("avif alpha", save(RGBA, "AVIF"))
golden("avif premultiplied alpha", save(RGBA, "AVIF", alpha_premultiplied=True))
golden("avif sequence", save(IM, "AVIF", save_all=True, append_images=[OTHER]))
golden("avif 10 bit", encode(".avif", RGB16[..., ::-1] >> 6, cv2.IMWRITE_AVIF_DEPTH, 10))
for value in range(1, 9):
    exif = Image.Exif()
    exif[274] = value
    exif[271] = "batchcls"
    golden(f"avif exif {value}", save(IM, "AVIF", exif=exif))
_xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
golden("avif xmp 6", save(IM, "AVIF", xmp=_xmp % 6))
exif[274] = 3
golden("avif xmp 6 exif 3", save(IM, "AVIF", exif=exif, xmp=_xmp % 6))
_plain = save(IM, "AVIF", subsampling="4:4:4")
for turns in range(4):
    for axis in (0, 1):
        boxes = (heif_files.irot(turns), heif_files.imir(axis))
        golden(
            f"avif turned {turns} mirrored {axis}",
            heif_files.heif("avif", [av1_item(_plain, (W, H), *boxes)]),
        )
_gray, _alpha = (save(image, "AVIF") for image in (GRAY, Image.fromarray(ALPHA)))
_items = [
    av1_item(_gray, (W, H)),
    dataclasses.replace(av1_item(_alpha, (W, H), heif_files.ALPHA), refers=((b"auxl", [1]),)),
]
golden("avif gray alpha", heif_files.heif("avif", _items))
_exif = heif_files.Item(b"Exif", bytes(4) + exif.tobytes()[6:], (), ((b"cdsc", [1]),))
golden("avif exif behind", heif_files.heif("avif", [av1_item(_plain, (W, H)), _exif]))
_tiles = [av1_item(save(image.resize((64, 64)), "AVIF"), (64, 64)) for image in (IM, OTHER)]
_grid = heif_files.Item(
    b"grid", heif_files.grid(2, 1, 100, 50), (heif_files.ispe(100, 50),), ((b"dimg", [2, 3]),)
)
golden("avif grid", heif_files.heif("avif", [_grid, *_tiles]))


def jp2(image, **options):
    return save(image, "JPEG2000", **options)


golden("jp2 rgb", jp2(IM))
golden("jp2 lossy", jp2(IM, irreversible=True, quality_mode="rates", quality_layers=[20]))
golden("jp2 gray", jp2(GRAY))
golden("jp2 gray alpha", jp2(LA))
golden("jp2 rgba", jp2(RGBA))
golden("jp2 tiles", jp2(IM, tile_size=(16, 16)))
golden("jp2 codestream", jp2(IM, no_jp2=True))

path = Path(__file__).with_name("goldens.json")
old = json.loads(path.read_text())
only = sys.argv[1:]
rows = {
    name: row if not only or name.split()[0] in only else old[name] for name, row in rows.items()
}
path.write_text(json.dumps(rows, indent=0) + "\n")
print(len(rows), "goldens")
