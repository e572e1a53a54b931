"""Some of a job's images to try things on: spread evenly over the list, the same ones every time.

Lists are sorted, so each class's folder gets its share.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader

T = TypeVar("T")
READ_WHOLE = 100_000
LONGEST = 1 << 14
"""Bytes that hold the end of one name and the whole of the next."""
_GOLDEN = 0.6180339887498949


def sample(job: Job, most: int) -> list[ImageRef]:
    """At most so many of the images of a job's sources, in the order of the list.

    Raises:
        SourceError: a source is missing, or there are no images.
    """
    with tempfile.TemporaryDirectory(prefix="batchcls-sample-") as folder:
        path = Path(folder) / "inputs"
        listed = freeze(job, path)
        wanted = frozenset(spread(listed.count, most))
        with closing(InputsReader(path, listed.root)) as reader:
            return [image for image in reader if image.index in wanted]


def spread_over(path: Path, place: Folder, count: int, most: int) -> list[ImageRef]:
    """At most so many images of a frozen list, spread over it, in its order.

    Long lists are not read: a name is taken from each of so many places in the file, so that the
    indices of these images are not those of the list.

    Args:
        path: of the list.
        place: of its images.
        count: how many it has.
        most: to take.
    """
    if count <= READ_WHOLE:
        wanted = frozenset(spread(count, most))
        with closing(InputsReader(path, place)) as reader:
            return [image for image in reader if image.index in wanted]
    found: dict[str, None] = {}
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for offset in spread(size, most):
            file.seek(offset)
            # What the place is in the middle of is left out; the last name may be found twice.
            parts = file.read(LONGEST).split(b"\0", 2)
            if len(parts) > 2:
                found[os.fsdecode(parts[1])] = None
    return [ImageRef(index, name, place) for index, name in enumerate(found)]


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers below `count`, evenly spread.

    >>> spread(100, 5)
    [0, 20, 40, 60, 80]
    """
    number = min(count, most)
    return [n * count // number for n in range(number)]


def scattered(chosen: Sequence[T]) -> list[T]:
    """What was chosen evenly spread, in an order of which every beginning is so too.

    >>> scattered([0, 20, 40, 60, 80])
    [0, 60, 20, 80, 40]
    """
    order = range(len(chosen))
    # The golden ratio's multiples, in the order in which they fall, are spread at any length.
    places = sorted(order, key=lambda k: k * _GOLDEN % 1)
    return [chosen[rank] for rank in sorted(order, key=places.__getitem__)]
