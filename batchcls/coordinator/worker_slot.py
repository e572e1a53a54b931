"""One worker number as the coordinator sees it: its state, and the leases it holds."""

from dataclasses import dataclass, field

from batchcls.images import ImageRef


@dataclass(slots=True)
class Slot:
    """One worker number: the processes that bear it, one after the other."""

    state: str = "starting"  # starting | ready | recycling | stopping | gone
    leases: dict[int, dict[int, ImageRef]] = field(default_factory=dict)  # id → unanswered images
    alone: ImageRef | None = None  # the image it is tried on
    respawn: bool = False  # it was asked to leave only to be replaced
    start_deaths: int = 0
    first_rss: int = 0  # bytes, as first reported by the process that bears the number now

    @property
    def alive(self) -> bool:
        """A process bears this number now, or will again."""
        return self.state in ("starting", "ready", "recycling") or self.respawn

    def outgrown(self, rss: int, limit: int, growth: float) -> bool:
        """Its process reports more than the limit (0 = none), and more than it began with.

        The second keeps a limit below what a model needs from replacing worker after worker.

        Args:
            rss: resident bytes.
            limit: bytes.
            growth: times its first report.
        """
        self.first_rss = self.first_rss or rss
        return 0 < limit < rss and rss > growth * self.first_rss
