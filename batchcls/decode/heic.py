"""Pixels of a HEIC picture, by pillow-heif, which is imported when the first one comes."""

from functools import cache
from typing import TYPE_CHECKING, Any

from batchcls.decode import decoders
from batchcls.decode.header import corrupt
from batchcls.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@cache
def library() -> Any:
    """The module pillow_heif; None where there is none that may be used."""
    if decoders.HEIC.version == decoders.NONE:
        return None
    try:
        import pillow_heif
    except ImportError:
        return None
    # A worker has its own core, and nothing but the picture is wanted.
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    return pillow_heif


def pixels(data: bytes) -> "NDArray[np.uint8]":
    """The primary picture, (height, width, 3) BGR, cropped and upright as its boxes say.

    More than eight bits become eight by leaving the lower ones away, as through Pillow.

    Raises:
        ImageError: no_decoder, corrupt, out_of_memory.
    """
    module = library()
    if module is None:
        raise decoders.HEIC.missing()
    import numpy as np

    try:
        found: NDArray[np.uint8] = np.asarray(module.open_heif(data, bgr_mode=True))
    except MemoryError:
        raise ImageError("out_of_memory", "not enough memory to decode it") from None
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError, LookupError) as error:
        # Its own words may hold addresses and sizes, which differ from run to run.
        raise corrupt("the decoder refuses it") from error
    if found.ndim == 2:
        return np.repeat(found[:, :, None], 3, axis=2)
    return np.ascontiguousarray(found[:, :, :3])
