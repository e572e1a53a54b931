"""What a coordinator is given: the numbers it decides by, and the work still to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from batchcls.images import ImageRef
from batchcls.messages import Answer


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers by which the coordinator decides.

    Attributes:
        chunk: the most images in one lease.
        window: bytes of memory that finished lines may take while they wait for one before them;
            nothing more is leased then. It is what the others have to do while one image hangs,
            three deadlines long.
        leases: leases a worker holds at once, so that it never waits for the next.
        solo_deaths: deaths alone that convict an image.
        start_deaths: deaths in a row without becoming ready that retire a worker's slot.
        idle_deaths: deaths in a row, of ready workers, with no image answered and none suspected.
        doubtful: convictions before the first success that say the job is wrong.
        systemic: failures in a row, of kinds that no picture causes, that say the job is wrong.
        max_rss: resident bytes above which a worker is replaced between leases; 0 = never.
        growth: times its first report that its memory must have become besides.
        tolerant: never halt because of failed images (the user set a limit of his own).
    """

    chunk: int = 64
    window: int = 96 << 20
    leases: int = 2
    solo_deaths: int = 2
    start_deaths: int = 3
    idle_deaths: int = 20
    doubtful: int = 5
    systemic: int = 200
    max_rss: int = 0
    growth: float = 1.25
    tolerant: bool = False


class Work(Protocol):
    """The inputs list, read in order."""

    @property
    def remaining(self) -> int:
        """How many images have not been taken yet."""

    def take(self, count: int) -> Sequence[ImageRef | Answer]:
        """The next `count` images, or fewer at the end; an `Answer` where one is there already."""
