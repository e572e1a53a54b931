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

    @property
    def alive(self) -> bool:
        """A process bears this number now, or will again."""
        return self.state in ("starting", "ready", "recycling") or self.respawn
