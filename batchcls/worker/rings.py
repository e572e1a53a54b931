"""Decides which device has the next turn, and waits for whichever is done first."""

from collections.abc import Iterator, Sequence

from batchcls.decode.policy import CLOSE
from batchcls.worker.interfaces import Finished, Ring
from batchcls.worker.prefetch import InWork


class Rings:
    """The rings of all devices, started round-robin.

    Attributes:
        close: a picture that was decoded smaller, and whose answer is ahead by less, comes again.
    """

    close = CLOSE

    def __init__(self, rings: Sequence[Ring]) -> None:
        self._rings = tuple(rings)
        self._turn = 0
        self.capacity = sum(ring.nireq * ring.batch_size for ring in self._rings)
        self.batch_size = max(ring.batch_size for ring in self._rings)

    def __iter__(self) -> Iterator[Ring]:
        return iter(self._rings)

    def __len__(self) -> int:
        return len(self._rings)

    @property
    def gathered(self) -> int:
        """Images that wait in here until they fill a request (`two_looks`)."""
        return 0

    def takes(self, work: InWork) -> bool:
        """Whether a prepared image is no longer the caller's to start."""
        return False

    def hurry(self) -> None:
        """No further image is at hand: start what was gathered."""

    @property
    def only(self) -> Ring | None:
        """The one ring, where there is but one."""
        return self._rings[0] if len(self._rings) == 1 else None

    @property
    def in_flight(self) -> int:
        """Requests that are running."""
        return sum(ring.in_flight for ring in self._rings)

    @property
    def full(self) -> bool:
        """No device can take another request."""
        return all(not ring.has_free for ring in self._rings)

    @property
    def free_batch(self) -> int:
        """Images of the largest request that can be started now."""
        return max((ring.batch_size for ring in self._rings if ring.has_free), default=0)

    def next(self) -> Ring | None:
        """The ring whose turn it is, of those that have a free request; `started` ends its turn."""
        for step in range(len(self._rings)):
            ring = self._rings[(self._turn + step) % len(self._rings)]
            if ring.has_free:
                self._turn += step
                return ring
        return None

    def started(self) -> None:
        """The ring that `next` gave has had its turn."""
        self._turn += 1

    def poll(self) -> Iterator[tuple[Ring, Finished]]:
        """Every request that has completed."""
        for ring in self._rings:
            while (finished := ring.poll()) is not None:
                yield ring, finished

    def wait(self, timeout_s: float) -> tuple[Ring, Finished] | None:
        """A request that completes, waited for at most so long, on each busy device in turn."""
        busy = [ring for ring in self._rings if ring.in_flight]
        for ring in busy:
            if (finished := ring.wait(timeout_s / len(busy))) is not None:
                return ring, finished
        return None

    def wait_all(self, timeout_s: float) -> None:
        """Until all that is started has completed, at most so long; `poll` hands it back."""
        busy = [ring for ring in self._rings if ring.in_flight]
        for ring in busy:
            ring.wait_all(timeout_s / len(busy))
