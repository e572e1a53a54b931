"""Some of a job's images to try things on: spread over the list, the same ones every time.

Lists are sorted, so each class's folder gets its share. No stride is even: of a list with a period
(bursts of three, a crop for each photo) it would take the same kind again and again.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TypeVar

from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.sources.containers.listing import OpenLister, OwnLister
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsList, InputsReader

T = TypeVar("T")
Sample = Callable[[Job, int], list[ImageRef]]
"""Takes at most so many of a job's images; see `sample`."""
_GOLDEN = 0.6180339887498949


def sample(job: Job, most: int, open_lister: OpenLister = OwnLister) -> list[ImageRef]:
    """At most so many of the images of a job's sources, in the order of the list.

    Args:
        job: see `freeze`.
        most: to take.
        open_lister: makes what lists containers.

    Raises:
        SourceError: a source is missing, or there are no images.
    """
    with tempfile.TemporaryDirectory(prefix="batchcls-sample-") as folder:
        path = Path(folder) / "inputs"
        listed = freeze(job, path, open_lister=open_lister)
        return spread_over(path, Folder(listed.root), listed, most)


def spread_over(path: Path, folder: Folder, listed: InputsList, most: int) -> list[ImageRef]:
    """At most so many images of a frozen list, spread over it, in its order.

    Args:
        path: of the list.
        folder: where its images' paths lead from.
        listed: what it holds.
        most: to take.
    """
    found: list[ImageRef] = []
    with closing(InputsReader(path, folder, members=listed.members)) as reader:
        for index in spread(listed.count, most):
            reader.seek(index)
            found += reader.chunk(1)
    return found


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers below `count`, one of each of so many equal parts.

    >>> spread(100, 5)
    [16, 35, 48, 65, 90]
    """
    number = min(count, most)
    edges = [n * count // number for n in range(number)] + [count]
    chance = Random(0)  # noqa: S311 - no secret; the same numbers with every Python
    return [first + int(chance.random() * (last - first)) for first, last in pairwise(edges)]


def scattered(chosen: Sequence[T]) -> list[T]:
    """What was chosen spread over a list, in an order of which every beginning is so too.

    >>> scattered([0, 20, 40, 60, 80])
    [0, 60, 20, 80, 40]
    """
    order = range(len(chosen))
    # The golden ratio's multiples, in the order in which they fall, are spread at any length.
    places = sorted(order, key=lambda k: k * _GOLDEN % 1)
    return [chosen[rank] for rank in sorted(order, key=places.__getitem__)]
