"""The other side of `backends.thumbnails`: a confined process that makes small JPEGs of images.

On its command line is its parent's number. It reads requests, a line each, and answers each with a
line of JSON and the bytes that it announces.
"""

import contextlib
import json
import math
import os
import resource
import sys
from typing import Any

from batchcls.decode import limits
from batchcls.errors import ImageError
from batchcls.images import ImageRef, Picture
from batchcls.sources.allowance import Allowance
from batchcls.sources.every import EveryPlace
from batchcls.wire import leased
from batchcls.worker.sandbox import bound_memory, confine

MEMORY_MB = 1500
CPU_S = 20
"""Of processor time for an image; the parent's clock ends what only waits."""
PATIENCE_S = 3.0
"""With an image that is far away: somebody waits for the page."""
QUALITIES = (82, 70, 58, 44, 30)


def main() -> None:
    """Entry point of the process."""
    limits.apply()
    confine(int(sys.argv[1]))
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from batchcls.decode.opencv import load

    load().setNumThreads(1)
    bound_memory(MEMORY_MB)
    source = EveryPlace(allowance=Allowance(patience_s=PATIENCE_S))
    for line in sys.stdin:
        request = json.loads(line)
        _bound_time()
        image = leased.from_json(request)[0]
        try:
            data, facts = thumbnail(source, image, request["edge"], request["bytes"])
        except ImageError as error:
            data, facts = b"", {"kind": error.kind, "message": str(error)}
        except MemoryError:
            data, facts = b"", {"kind": "out_of_memory", "message": "not enough memory"}
        answers.write(json.dumps({**facts, "size": len(data)}).encode() + b"\n" + data)
        answers.flush()


def thumbnail(
    source: EveryPlace, image: ImageRef, edge: int, most: int
) -> tuple[bytes, dict[str, Any]]:
    """A JPEG of an image, and its size, and its hash.

    Args:
        edge: pixels of the longer edge, at most.
        most: bytes aimed at.

    Raises:
        ImageError: it cannot be read, or is no picture.
    """
    from batchcls.decode.decode import decode_picture
    from batchcls.decode.policy import DecodePolicy
    from batchcls.model.preprocess.perceptual_hash import perceptual_hash

    policy = DecodePolicy(reduced=True, raw=True)
    picture = decode_picture(source.read(image), policy, (edge, edge))
    return _encoded(picture, edge, most), {
        "width": picture.width,
        "height": picture.height,
        "hash": perceptual_hash(picture.pixels),
    }


def _encoded(picture: Picture, edge: int, most: int) -> bytes:
    import cv2

    height, width = picture.pixels.shape[:2]
    scale = min(1.0, edge / max(height, width))
    size = max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
    small = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    data = b""
    for quality in QUALITIES:
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        data = cv2.imencode(".jpg", small, flags)[1].tobytes()
        if len(data) <= most:
            break
    return data


def _bound_time() -> None:
    """Let the next image take no more processor time than it can need."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_S, hard))


if __name__ == "__main__":
    main()
