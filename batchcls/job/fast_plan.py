"""What `--fast` was decided to do in a run: which first look, and which answers get a second one.

Plain data: the trial before the night makes it, the manifest keeps it, each worker gets it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

NONE = ""
"""No first look: the run is as it is without `--fast`."""
BF16 = "bf16"
INT8 = "int8"
FOLDERS = "first-look-"
"""Begins the names of folders that hold models of first looks, in a run's directory."""


@dataclass(frozen=True, slots=True)
class FastPlan:
    """A plan.

    Attributes:
        first: in which precision the first look is; `NONE` where it does not pay.
        margin: a first answer that is ahead by less, in nats, is looked at again in f32.
        words: what was measured, for people.
        measured: the same as JSON data.
        model: SHA-256 of the first look's own model (`files.find.model_hash`), which lies in the
            run's folder; "" where it is the run's, computed otherwise.
        reduced: the first look is at pictures decoded smaller, as `--decode reduced` does it.
    """

    first: str = NONE
    margin: float = 0.0
    words: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    reduced: bool = False

    @property
    def name(self) -> str:
        """Of this way to look first, for people and among what was measured."""
        return f"{self.first} of smaller pictures" if self.reduced else self.first

    @property
    def looks_twice(self) -> bool:
        """There are two looks."""
        return self.first != NONE

    def model_in(self, directory: Path) -> Path:
        """Where the first look's own model lies in a run's directory, if it has one."""
        return directory / f"{FOLDERS}{self.model[:16]}" / "model.xml"

    @property
    def rule(self) -> str:
        """What of it changes answers, for the fingerprint."""
        first = f"{self.name} {self.model}".rstrip()
        return f"{first}, again in f32 below {self.margin:.6f}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read `as_dict` back.

        Raises:
            TypeError, ValueError: data of another shape.
        """
        plan = cls(**data)
        if plan.first not in (NONE, BF16, INT8) or not 0 <= plan.margin < math.inf:
            raise ValueError(f"a first look {plan.first!r} with margin {plan.margin!r}")
        if not (isinstance(plan.words, str) and isinstance(plan.model, str)):
            raise TypeError("text that is none")
        return plan
