"""Decides how many images are prepared before they are inferred, where one core does both. Pure.

Long turns find their caches warm; short ones keep the worker's own loop turning, and no image long
in a request behind others. So a turn grows to what its core infers in `TURN_S`.
"""

TURN_S = 0.5
"""Seconds that a turn at preparing, or at inferring, should take at most."""
FIRST = 2
"""Images of the first turn, when nothing is known of the model's speed."""


class Turns:
    """The size of the turns of one worker.

    Args:
        capacity: images for which there are infer requests.
        batch_size: images of the largest of those.

    Attributes:
        size: images of the next turn: whole batches, at least one.
    """

    def __init__(self, capacity: int, batch_size: int) -> None:
        self._capacity = capacity
        self._batch_size = batch_size
        self.size = self._whole(FIRST)

    def inferred(self, images: int, seconds: float) -> None:
        """A turn of so many images took so long; the next is at most twice as large."""
        wanted = TURN_S * images / max(seconds, 1e-9)
        self.size = self._whole(int(min(wanted, 2 * self.size)))

    def _whole(self, size: int) -> int:
        bounded = min(size, self._capacity)
        return max(bounded - bounded % self._batch_size, self._batch_size)
