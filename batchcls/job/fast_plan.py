"""What `--fast` was decided to do in a run: which first look, and which answers get a second one.

Plain data: the trial before the night makes it, the manifest keeps it, each worker gets it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

NONE = ""
"""No first look: the run is as it is without `--fast`."""
BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class FastPlan:
    """A plan.

    Attributes:
        first: in which precision the first look is; `NONE` where it does not pay.
        margin: a first answer that is ahead by less, in nats, is looked at again in f32.
        words: what was measured, for people.
        measured: the same as JSON data.
    """

    first: str = NONE
    margin: float = 0.0
    words: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def looks_twice(self) -> bool:
        """There are two looks."""
        return self.first != NONE

    @property
    def rule(self) -> str:
        """What of it changes answers, for the fingerprint."""
        return f"{self.first}, again in f32 below {self.margin:.6f}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read `as_dict` back.

        Raises:
            TypeError: data of another shape.
        """
        return cls(**data)
