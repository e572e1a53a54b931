"""Decides how many images are prepared before they are inferred, where one core does both. Pure.

Large micro-batches find their caches warm; small ones keep the worker's own loop turning, and no
image long in a request behind others. So it grows to what its core infers in `MICRO_BATCH_S`.
"""

MICRO_BATCH_S = 0.5
"""Seconds that preparing a micro-batch, or inferring it, should take at most."""
FIRST = 2
"""Images of the first one, when nothing is known of the model's speed."""


class MicroBatch:
    """The size of one worker's micro-batches.

    Args:
        capacity: images for which there are infer requests.
        batch_size: images of the largest of those.

    Attributes:
        size: images of the next one: whole batches, at least one.
    """

    def __init__(self, capacity: int, batch_size: int) -> None:
        self._capacity = capacity
        self._batch_size = batch_size
        self.size = self._whole(FIRST)

    def inferred(self, images: int, seconds: float) -> None:
        """So many images took so long; the next micro-batch is at most twice as large."""
        wanted = MICRO_BATCH_S * images / max(seconds, 1e-9)
        self.size = self._whole(int(min(wanted, 2 * self.size)))

    def _whole(self, size: int) -> int:
        bounded = min(size, self._capacity)
        return max(bounded - bounded % self._batch_size, self._batch_size)
