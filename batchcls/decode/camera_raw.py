"""The preview that a camera left in its raw file: what a person is shown of it. By rawpy.

It is imported when the first such file comes, and only where ``--raw`` asks for previews.
"""

import io
from functools import cache
from typing import TYPE_CHECKING, Any

from batchcls.decode import decoders
from batchcls.decode.header import check_size, corrupt
from batchcls.decode.tiff import COMPRESSION
from batchcls.decode.tiff_directory import TiffFile
from batchcls.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
"""Fujifilm, Olympus, Panasonic; and Canon's CR3 and what looks like TIFF, below."""
TIFF = (b"II*\0", b"MM\0*")
NEW_SUBFILE_TYPE, SUB_DIRECTORIES, DNG_VERSION = 254, 330, 50706
CAMERAS = frozenset({32767, 32769, 34713, 65535})
"""Compressions that only cameras write: Sony's, Epson's, Nikon's, Pentax's."""

ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
"""LibRaw's `flip` → EXIF orientation."""


def is_raw(data: bytes) -> bool:
    """Whether a file is a camera's, by its first bytes, or its first directory if it is a TIFF."""
    if data.startswith(MAGIC) or data[4:12] == b"ftypcrx ":
        return True
    if not data.startswith(TIFF):
        return False
    if data[8:10] == b"CR":
        return True
    try:
        file = TiffFile(data)
        entries, _ = file.directory(file.offset(file.first_at))
        reduced = file.value(entries, NEW_SUBFILE_TYPE, 0) & 1
        return (
            DNG_VERSION in entries
            or bool(reduced and SUB_DIRECTORIES in entries)
            or file.value(entries, COMPRESSION, 0) in CAMERAS
        )
    except ImageError:
        return False  # as a TIFF it says what is wrong with it


@cache
def library() -> Any:
    """The module rawpy; None where there is none that may be used."""
    if decoders.RAW.version == decoders.NONE:
        return None
    try:
        import rawpy
    except ImportError:
        return None
    return rawpy


def preview(data: bytes, max_pixels: int) -> "bytes | tuple[NDArray[np.uint8], int]":
    """The largest preview: a JPEG, or BGR pixels and their EXIF orientation.

    A JPEG is as hostile as any other, and to be read like one: its own EXIF turns it.

    Raises:
        ImageError: no_decoder, corrupt, too_large, out_of_memory.
    """
    module = library()
    if module is None:
        raise decoders.RAW.missing()
    try:
        with module.imread(io.BytesIO(data)) as raw:
            found = raw.extract_thumb()
            flip = raw.sizes.flip
    except (module.LibRawNoThumbnailError, module.LibRawUnsupportedThumbnailError) as error:
        raise corrupt("a camera's raw file without a preview that can be read") from error
    except (module.LibRawUnsufficientMemoryError, MemoryError) as error:
        raise ImageError("out_of_memory", "not enough memory to read its preview") from error
    except (module.LibRawError, module.NotSupportedError, OSError, ValueError) as error:
        raise corrupt("the reader of raw files refuses it") from error
    if found.format == module.ThumbFormat.JPEG:
        return bytes(found.data)
    if found.format != module.ThumbFormat.BITMAP or found.data.ndim != 3:
        raise corrupt("a preview that is neither a JPEG nor pixels")
    height, width = found.data.shape[:2]
    check_size(width, height, max_pixels)
    return found.data[:, :, ::-1].copy(), ORIENTATIONS.get(flip, 1)
