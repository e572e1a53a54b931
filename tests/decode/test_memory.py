"""The memory of large pictures is kept for the next where they are many, and only then."""

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


@pytest.mark.runs
def test_large_pictures_after_the_first_need_no_new_memory() -> None:
    if not memory.keep():
        pytest.skip("malloc is not glibc's")
    large = encoded(4000, 3000)
    for _ in range(6):
        pages_of(large)
    assert min(pages_of(large) for _ in range(3)) < 36_000_000 / resource.getpagesize() / 4


@pytest.mark.runs
@pytest.mark.parametrize(
    ("pictures", "kept"),
    [
        ([(500, 375)] * 8, 0),
        (([(500, 375)] * 50 + [(2000, 1500)] * 3) * 2, 0),  # a few of many
        ([(500, 375)] * 8 + [(2000, 1500)] * 8, 1),
    ],
)
def test_malloc_is_told_only_where_large_pictures_are_many(
    pictures: list[tuple[int, int]], kept: int
) -> None:
    """In a process of its own: what pictures have changed stays."""
    program = (
        "import sys\n"
        "from batchcls.decode import decode, memory\n"
        "for line in sys.stdin: decode.decode(bytes.fromhex(line))\n"
        "print(memory.keep.cache_info().currsize)"
    )
    sizes = {size: encoded(*size).hex() for size in set(pictures)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(sizes[size] for size in pictures),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(done.stdout) == kept
