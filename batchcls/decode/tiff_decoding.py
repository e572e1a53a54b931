"""Pixels of a TIFF file that `tiff` has found whole: around the decoder, and what it cannot do.

Rules of this file:

1. What libtiff complains of is a failure: it leaves black what it cannot undo.
2. LZMA and Zstandard, which OpenCV's libtiff lacks, become Deflate first: undone within the size
   that the header states, and no further. So do plain tiles, which it refuses where their bytes are
   no multiple of 1,024 (libtiff 4.7.1 in OpenCV 5.0: findings/tiff_plain_tiles.sh).
3. Several gray values in a byte are taken apart here; the decoder hands on the bytes.
"""

import lzma
import sys
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from batchcls.decode import tiff
from batchcls.decode.decoder_log import complaints
from batchcls.decode.header import Header, corrupt, edited, truncated
from batchcls.decode.tiff_directory import Directory, TiffFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOO_SHORT = ("not enough data", "premature", "read error", "unexpected end")


def pixels(
    data: bytes, header: Header, imdecode: Callable[[bytes, int], "NDArray[np.uint8]"]
) -> "NDArray[np.uint8]":
    """Pixels of the first page, (height, width, 3) BGR, as stored: not turned upright.

    Args:
        data: the file with its header's edits made.
        header: of it.
        imdecode: OpenCV's decoder.

    Raises:
        ImageError: corrupt, truncated, out_of_memory.
    """
    data = _as_deflate(data)
    found, said = complaints(lambda: imdecode(data, 1))
    if said:
        message = said[0]
        if header.cut or any(words in message.lower() for words in TOO_SHORT):
            raise truncated(f"inside the picture ({message})")
        raise corrupt(f"the TIFF decoder says: {message}")
    return _unpacked(found, header) if header.packed else found


def _unpacked(found: "NDArray[np.uint8]", header: Header) -> "NDArray[np.uint8]":
    import numpy as np

    bits = header.packed
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    largest = (1 << bits) - 1
    values = (found[:, :, :1] >> shifts) & largest
    gray = values.reshape(found.shape[0], -1)[:, : header.width] * np.uint8(255 // largest)
    if header.inverted:
        gray = 255 - gray
    return np.repeat(gray[:, :, None], 3, axis=2)


def _as_deflate(data: bytes) -> bytes:
    """The file with strips or tiles that libtiff can undo."""
    file = TiffFile(data)
    entries, _ = file.directory(file.offset(file.first_at))
    compression = file.value(entries, tiff.COMPRESSION, tiff.PLAIN)
    tiled = tiff.TILE_OFFSETS in entries
    if compression not in (tiff.LZMA, tiff.ZSTD) and not (tiled and compression == tiff.PLAIN):
        return data
    tags = (tiff.TILE_OFFSETS, tiff.TILE_SIZES) if tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_SIZES)
    offsets, sizes = (file.values(entries.get(tag), len(data)) for tag in tags)
    limit = _largest(file, entries, tiled=tiled)
    undo = {tiff.LZMA: _lzma, tiff.ZSTD: _zstd}.get(compression, _plain)
    undone = [
        zlib.compress(undo(data[at : at + size], limit), 0)
        for at, size in zip(offsets, sizes, strict=False)
    ]
    fields = {tag: (one.kind, one.count, file.raw(one)) for tag, one in entries.items()}
    if compression == tiff.PLAIN:
        fields.pop(tiff.PREDICTOR, None)  # counts for compressed data only
    fields[tiff.COMPRESSION] = file.shorts([tiff.DEFLATE])
    fields[tags[0]] = file.longs(_starts(len(data), undone))
    fields[tags[1]] = file.longs([len(part) for part in undone])
    longer = TiffFile(data + b"".join(undone))
    return edited(longer.data, longer.appended(fields))


def _starts(first: int, parts: Sequence[bytes]) -> list[int]:
    starts = []
    for part in parts:
        starts.append(first)
        first += len(part)
    return starts


def _largest(file: TiffFile, entries: Directory, *, tiled: bool) -> int:
    """Bytes that a strip or tile can have when it is undone."""
    height = file.value(entries, tiff.HEIGHT, 0)
    width = file.value(entries, tiff.TILE_WIDTH if tiled else tiff.WIDTH, 0)
    rows = file.value(entries, tiff.TILE_HEIGHT if tiled else tiff.ROWS_PER_STRIP, height)
    samples, bits = file.value(entries, tiff.SAMPLES, 1), file.value(entries, tiff.BITS, 1)
    return -(-width * samples * bits // 8) * (rows if tiled else min(rows, height))


def _plain(data: bytes, limit: int) -> bytes:
    return data[:limit]


def _lzma(data: bytes, limit: int) -> bytes:
    try:
        return lzma.LZMADecompressor(memlimit=1 << 28).decompress(data, limit)
    except lzma.LZMAError as error:
        raise corrupt(f"LZMA data that cannot be undone: {error}") from None


def _zstd(data: bytes, limit: int) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    try:
        found: bytes = zstd.ZstdDecompressor().decompress(data, limit)
    except zstd.ZstdError as error:
        raise corrupt(f"Zstandard data that cannot be undone: {error}") from None
    return found
