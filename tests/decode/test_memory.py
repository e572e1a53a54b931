"""The memory of a large picture is kept for the next, and only then."""

import resource
import subprocess
import sys

import cv2
import numpy as np
import pytest

from batchcls.decode import memory
from batchcls.decode.decode import decode


def encoded(width: int, height: int) -> bytes:
    ok, data = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))
    assert ok
    return data.tobytes()


def pages_of(data: bytes) -> int:
    """Pages that the system had to hand out while this was decoded."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    decode(data)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_the_second_large_picture_needs_no_new_memory() -> None:
    if not memory.keep():
        pytest.skip("malloc is not glibc's")
    large = encoded(4000, 3000)
    pages_of(large)
    assert min(pages_of(large) for _ in range(3)) < 36_000_000 / resource.getpagesize() / 4


def test_small_pictures_leave_malloc_alone() -> None:
    """In a process of its own: what one picture has changed stays."""
    program = (
        "import sys; from batchcls.decode import memory; from batchcls.decode.decode import decode;"
        "decode(sys.stdin.buffer.read()); print(memory.keep.cache_info().currsize)"
    )
    for size, expected in (((500, 375), b"0"), ((2000, 1500), b"1")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=encoded(*size),
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        assert done.stdout.strip() == expected
