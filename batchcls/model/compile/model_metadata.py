"""What is known about a model once it is understood, without the model itself: plain data.

It is cached beside compiled models, so that a later start needs neither to read nor to understand
the model again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from batchcls.errors import ModelError, UndecidedError
from batchcls.job.job import Job
from batchcls.model.graph.activation import Activation
from batchcls.model.preprocess.preprocess import Preprocess

ENOUGH_CLASSES = 20
"""A model of fewer says so little about an image that answers do not tell preprocessings apart."""


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a classifier needs to know about its model.

    Attributes:
        activation: from raw outputs to probabilities.
        labels: of the classes; none where the model gives features in their place.
        threshold: multi-label models answer with every class from it on; None = top-N.
        top: classes per image, unless the job says how many.
        origins: key → where its value came from.
        guesses: those of the warnings that say what of the preprocessing is a guess.
        plausible: names of the channel orders and normalisations that the guess was made among, the
            most usual first; empty where they are known.
        inputs: of the model as it was read, as JSON data.
        outputs: likewise.
        features: name of the tensor before the last layer, and its numbers for an image; None
            where nobody asked for them.
        backbone: which features the last layer was taught on (`teach`); "" of any other model.
    """

    pre: Preprocess
    activation: Activation
    labels: tuple[str, ...]
    threshold: float | None
    top: int
    origins: dict[str, str]
    warnings: tuple[str, ...]
    guesses: tuple[str, ...]
    plausible: tuple[str, ...]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    features: tuple[str, int] | None = None
    backbone: str = ""

    @property
    def usual_top(self) -> int:
        """Classes per image where the job does not say; 0 = every one from the threshold on."""
        return self.top if self.threshold is None else 0

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON data; `from_dict` turns it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From JSON data.

        Raises:
            TypeError: data of another shape.
        """
        values = dict(data)
        values["pre"] = Preprocess(**{k: _tuples(v) for k, v in values["pre"].items()})
        values["activation"] = Activation(**values["activation"])
        values["labels"] = tuple(values["labels"])
        for name in ("warnings", "guesses", "plausible", "features"):
            values[name] = _tuples(values[name])
        return cls(**values)

    @property
    def survives_json(self) -> bool:
        """JSON gives back the very same, NaN and odd types included."""
        return ModelMetadata.from_dict(json.loads(json.dumps(self.as_dict()))) == self


def refuse_guesses(job: Job, known: ModelMetadata) -> None:
    """Refuse a model whose preprocessing is a guess, where the job wants it so.

    Raises:
        ModelError: with what would have been guessed.
    """
    if job.strict_preprocess and known.guesses:
        raise ModelError(
            f"--strict-preprocess: {' '.join(known.guesses)}\nhint: say it with `--preprocess`, or "
            "with `--reverse-input-channels`, `--mean-values`, `--scale-values`, `--resize-type` "
            "and `--input-size`"
        )


def leave_undecided(guess: str | None, known: ModelMetadata) -> None:
    """Ask whoever has images which of the plausible preprocessings it is to be.

    Raises:
        UndecidedError: several are plausible, there are enough classes to tell them apart by, and
            none was chosen.
    """
    if guess is None and len(known.plausible) > 1 and len(known.labels) >= ENOUGH_CLASSES:
        raise UndecidedError(known.guesses[-1])


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
