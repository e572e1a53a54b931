"""Which images of a list are those of ``--shard 2/16``. Pure.

The parts are contiguous, cover the list, and differ by one image at most. A run's manifest holds
only which part it has, so this division never changes.
"""

from batchcls.errors import UsageError


def parsed(shard: str) -> tuple[int, int]:
    """Number of a part, from 1, and how many parts there are.

    Args:
        shard: has its form; see `batchcls.job.checks`.
    """
    number, of = shard.split("/")
    return int(number), int(of)


def part_of(shard: str | None, count: int) -> range:
    """Indices of a part's images; of all where there are no parts.

    Args:
        count: images on the list.
    """
    if shard is None:
        return range(count)
    number, of = parsed(shard)
    return range((number - 1) * count // of, number * count // of)


def require_images(shard: str | None, count: int) -> None:
    """Refuse more parts than there are images: some would have none.

    Raises:
        UsageError: there are.
    """
    if shard is not None and parsed(shard)[1] > count:
        raise UsageError(f"--shard {shard}: there are only {count:,} images; use fewer shards")


def describe(shard: str, count: int) -> str:
    """For people: which images these are."""
    part = part_of(shard, count)
    return f"shard {shard}: images {part.start} to {part.stop - 1} of {count:,}"
