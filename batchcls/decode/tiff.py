"""TIFF and BigTIFF: the first page as a file of its own, if all of its strips or tiles are there.

Rules of this file:

1. The first directory is the picture. The others are only counted, the first `MAX_PAGES` of them,
   as far as they are there.
2. All that belongs to the picture lies within the file, or the file is truncated. What does not
   (thumbnails, EXIF, private tags) is neither looked at nor handed on.
3. The decoder gets a directory that is written here: one page, upright, with no tag but those of
   the pixels. libtiff would turn the picture itself, and tiles wrongly (orientations 2, 3, 6, 7).
"""

from batchcls.decode.exif import upright
from batchcls.decode.header import Header, check_size, corrupt, truncated
from batchcls.decode.tiff_directory import Directory, Field, TiffFile
from batchcls.errors import ImageError

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 259, 262, 274
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR = 273, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES = 317, 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_AT, JPEG_SIZE, XMP = 338, 339, 513, 514, 700
_FILLING = {266, 292, 293}  # fill order, options of Group 3 and 4
_COLOURS = {320, 332, 334}  # colour map, inks
_JPEG_TABLES = {347, 512, 515, 519, 520, 521}  # of both kinds
_LUMINANCE = {529, 530, 531, 532}  # and colour difference
_LAYOUT = {PLANAR, STRIP_OFFSETS, STRIP_SIZES, ROWS_PER_STRIP, JPEG_AT, JPEG_SIZE}
_TILES = {TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES}
_SAMPLES = {BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PREDICTOR, EXTRA_SAMPLES, SAMPLE_FORMAT}
PIXELS = frozenset(
    {WIDTH, HEIGHT} | _SAMPLES | _LAYOUT | _TILES | _FILLING | _COLOURS | _JPEG_TABLES | _LUMINANCE
)
"""Tags that say what the pixels are."""

UNASSOCIATED_ALPHA = 2
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, YCBCR = 0, 1, 2, 6
SEPARATE = 2
MAX_SAMPLES = 8
MAX_PAGES = 500

PLAIN, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
CHECKED = frozenset({LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD})
"""Compressions whose decoders say when they have had too little."""

READ = CHECKED | {PLAIN, 2, 3, 4, 6, 7, 32771, 32809}
"""Compressions that are read; the numbers: fax, Groups 3 and 4, JPEG of both kinds, ThunderScan."""

NAMES = {
    32766: "NeXT's run lengths",
    32908: "Pixar's companded codes",
    32909: "Pixar's logarithms",
    33003: "JPEG 2000 (Aperio's)",
    33005: "JPEG 2000 (Aperio's)",
    34661: "JBIG",
    34676: "SGI's LogLuv",
    34677: "SGI's LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG of a DNG",
    34933: "PNG",
    34934: "JPEG XR",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}


def read(data: bytes, max_pixels: int) -> Header:
    """Header of a TIFF file.

    Raises:
        ImageError: truncated, corrupt, too_large.
    """
    file = TiffFile(data)
    at = file.offset(file.first_at)
    if not at:
        raise corrupt("no picture in it")
    entries, following = file.directory(at)
    return _picture(file, entries, max_pixels, frames=1 + _pages(file, following, {at}))


def _pages(file: TiffFile, at: int, seen: set[int]) -> int:
    """How many further directories there are, as far as they can be followed."""
    count = 0
    while at and at not in seen and len(seen) < MAX_PAGES:
        seen.add(at)
        try:
            _, at = file.directory(at)
        except ImageError:
            break
        count += 1
    return count


def _picture(file: TiffFile, entries: Directory, max_pixels: int, frames: int) -> Header:
    width, height = file.value(entries, WIDTH, 0), file.value(entries, HEIGHT, 0)
    check_size(width, height, max_pixels)
    compression = file.value(entries, COMPRESSION, PLAIN)
    if compression not in READ:
        name = NAMES.get(compression, f"a method of number {compression}")
        raise corrupt(f"TIFF compressed with {name}, which is not read")
    bits = file.value(entries, BITS, 1)
    if bits > 16 or file.value(entries, SAMPLE_FORMAT, 1) not in (1, 4):
        raise corrupt(f"{bits} bits per sample, not 1 to 16 bits of whole numbers")
    samples = file.value(entries, SAMPLES, 1)
    if samples > MAX_SAMPLES:
        raise corrupt(f"{samples} samples per pixel")
    photometric = file.value(entries, PHOTOMETRIC, BLACK_IS_ZERO)
    packed = bits if bits in (2, 4) and photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) else 0
    if packed and (samples > 1 or compression not in CHECKED | {PLAIN}):
        raise corrupt(f"{samples} samples of {bits} bits per pixel")
    fields = {
        tag: (entry.kind, entry.count, file.raw(entry))
        for tag, entry in entries.items()
        if tag in PIXELS
    }
    fields |= _data(file, entries, max_pixels)
    fields |= _meaning(file, entries)
    if packed:
        fields |= _bytes_for_pixels(file, entries, packed)
    said = file.value(entries, ORIENTATION, 1) if ORIENTATION in entries else None
    return Header(
        "tiff",
        width,
        height,
        frames=frames,
        bits=bits,
        channels=samples,
        alpha=EXTRA_SAMPLES in entries,
        orientation=upright(None, _xmp(file, entries)) if said is None else _known(said),
        edits=file.appended(fields),
        packed=packed,
        inverted=bool(packed) and photometric == WHITE_IS_ZERO,
        cut=_cut(file, entries),
        exif=file.data,
    )


def _known(orientation: int) -> int:
    return orientation if 1 <= orientation <= 8 else 1


def _xmp(file: TiffFile, entries: Directory) -> bytes | None:
    entry = entries.get(XMP)
    if entry is None or entry.at + entry.size > len(file.data):
        return None
    return file.raw(entry)


def _meaning(file: TiffFile, entries: Directory) -> dict[int, Field]:
    """What the samples of a pixel are, where libtiff would understand it otherwise than Pillow."""
    samples = file.value(entries, SAMPLES, 1)
    fields: dict[int, Field] = {}
    extra = entries.get(EXTRA_SAMPLES)
    if extra is not None and file.values(extra, 1) == (UNASSOCIATED_ALPHA,):
        # libtiff would multiply the colours with it; 0 (unspecified) leaves them as they are.
        fields[EXTRA_SAMPLES] = file.shorts([0, *file.values(extra, MAX_SAMPLES)[1:]])
    if file.value(entries, PHOTOMETRIC, BLACK_IS_ZERO) == BLACK_IS_ZERO and samples > 2:
        # Bands, as those who measure the earth write them: the first three are the picture.
        fields[PHOTOMETRIC] = file.shorts([RGB])
        fields[EXTRA_SAMPLES] = file.shorts([0] * (samples - 3))
        if samples == 3:
            del fields[EXTRA_SAMPLES]
    return fields


def _bytes_for_pixels(file: TiffFile, entries: Directory, bits: int) -> dict[int, Field]:
    """Several pixels in a byte, which OpenCV does not read, as a narrower picture of bytes."""
    fields = {BITS: file.shorts([8]), PHOTOMETRIC: file.shorts([BLACK_IS_ZERO])}
    for tag in (WIDTH, TILE_WIDTH):
        if tag in entries:
            fields[tag] = file.longs([-(-file.value(entries, tag, 0) * bits // 8)])
    return fields


def _data(file: TiffFile, entries: Directory, max_pixels: int) -> dict[int, Field]:
    """Where strips or tiles begin and how long they are: within the file, or it is truncated."""
    width, height = file.value(entries, WIDTH, 0), file.value(entries, HEIGHT, 0)
    separate = file.value(entries, PLANAR, 1) == SEPARATE
    planes = file.value(entries, SAMPLES, 1) if separate else 1
    if TILE_OFFSETS in entries:
        across, rows = file.value(entries, TILE_WIDTH, 0), file.value(entries, TILE_HEIGHT, 0)
        check_size(across, rows, max_pixels)
        heights = [rows] * (-(-width // across) * -(-height // rows))
        tags = (TILE_OFFSETS, TILE_SIZES)
    elif STRIP_OFFSETS in entries:
        across = width
        rows = max(min(file.value(entries, ROWS_PER_STRIP, height), height), 1)
        heights = [min(rows, height - top) for top in range(0, height, rows)]
        tags = (STRIP_OFFSETS, STRIP_SIZES)
    elif JPEG_AT in entries:
        _check_within(file, entries, (JPEG_AT, JPEG_SIZE))
        return {}
    else:
        raise corrupt("no picture in it")
    compression = file.value(entries, COMPRESSION, PLAIN)
    subsampled = file.value(entries, PHOTOMETRIC, BLACK_IS_ZERO) == YCBCR
    if compression not in CHECKED | {PLAIN} or (compression == PLAIN and subsampled):
        _check_within(file, entries, tags, len(heights) * planes)
        return {}
    offsets, sizes = (file.values(entries.get(tag), len(heights) * planes) for tag in tags)
    if compression == PLAIN:
        pixel = file.value(entries, BITS, 1) * (1 if separate else file.value(entries, SAMPLES, 1))
        row = -(-across * pixel // 8)
        sizes = [rows * row for rows in heights * planes][: len(offsets)]
        inside = all(at + size <= len(file.data) for at, size in zip(offsets, sizes, strict=True))
    else:
        # More than there is: the decoder says whether what there is was enough.
        inside = all(at < len(file.data) for at in offsets)
        sizes = (
            [min(size, len(file.data) - at) for at, size in zip(offsets, sizes, strict=False)]
            if inside
            else []
        )
    if not inside:
        raise truncated("inside the picture")
    return {tags[1]: file.longs(sizes)} if sizes else {}


def _cut(file: TiffFile, entries: Directory) -> bool:
    """Whether a strip or tile would reach over the end of the file."""
    tags = (TILE_OFFSETS, TILE_SIZES) if TILE_OFFSETS in entries else (STRIP_OFFSETS, STRIP_SIZES)
    offsets, sizes = (file.values(entries.get(tag), len(file.data)) for tag in tags)
    return any(at + size > len(file.data) for at, size in zip(offsets, sizes, strict=False))


def _check_within(
    file: TiffFile, entries: Directory, tags: tuple[int, int], count: int = 1
) -> None:
    offsets, sizes = (file.values(entries.get(tag), count) for tag in tags)
    ends = map(sum, zip(offsets, sizes, strict=False)) if sizes else offsets
    if max(ends, default=0) > len(file.data):
        raise truncated("inside the picture")
