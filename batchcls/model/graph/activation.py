"""Decides once per model how raw outputs become probabilities, from its graph and metadata.

Never from an image's values: a model whose scores happen to add up to 1 on one image is not proof.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ModelError
from batchcls.job.choices import ACTIVATIONS
from batchcls.model.graph import ending
from batchcls.model.runtime import Model

TINY = 1e-12
"""Probabilities of which the logarithm is taken are at least this."""


@dataclass(frozen=True, slots=True)
class Activation:
    """From raw outputs to probabilities.

    Attributes:
        kind: one of `ACTIVATIONS`; "none" where the graph ends in one already.
        scale: of a quantised output: probability = (raw - zero) * scale.
        zero: likewise.
        graph: the activation the graph ends in ("Softmax"), or empty: unknown, or of no account
            since another is forced on top of it.
        pair: the one output is the probability of the second of two classes.
    """

    kind: str
    scale: float = 1.0
    zero: float = 0.0
    graph: str = ""
    pair: bool = False

    @property
    def sigmoid(self) -> bool:
        """Classes do not exclude each other."""
        return not self.pair and "sigmoid" in (self.kind, self.graph.lower())

    @property
    def shares(self) -> bool:
        """Scores are shares of one whole: classes exclude each other."""
        return self.pair or "softmax" in (self.kind, self.graph.lower())

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of one image, (classes,) float32, computed in double precision.

        In NumPy and not in the graph, so that a low inference precision costs nothing here.
        """
        if self.pair:
            second = replace(self, pair=False).apply(raw).astype(np.float64)
            return np.concatenate([1.0 - second, second]).astype(np.float32)
        if self.kind == "none" and self.scale == 1.0 and self.zero == 0.0:
            return raw
        values = (raw.astype(np.float64) - self.zero) * self.scale
        if self.kind == "softmax":
            values = np.exp(values - values.max())
            values /= values.sum()
        elif self.kind == "sigmoid":
            values = 0.5 * (1.0 + np.tanh(0.5 * values))  # the form that cannot overflow
        return values.astype(np.float32)

    def logits(self, probabilities: NDArray[np.float32], steps: float = 0.0) -> NDArray[np.float64]:
        """What `apply` gave, as logits in nats, up to a constant of the image's own.

        Where nothing says that they are probabilities, they are taken for logits.

        Args:
            probabilities: (classes,).
            steps: so much higher, in steps of a quantised output: half a step either way is what
                its rounding may have hidden.
        """
        values = probabilities.astype(np.float64)
        more = steps * self.scale if self.scale != 1.0 else 0.0
        if self.kind == "none":
            values, more = values + more, 0.0
        if self.sigmoid:
            clipped = np.clip(values, TINY, 1.0 - TINY)
            values = np.log(clipped) - np.log1p(-clipped)
        elif self.shares:
            values = np.log(np.clip(values, TINY, None))
        return np.asarray(values + more)


def decide(
    model: Model, output: int, wanted: str | None, forced: str | None = None
) -> tuple[Activation, str]:
    """The model's activation, and where that is known from.

    Args:
        output: index of the score output.
        wanted: by metadata; applied only where the graph does not end in one.
        forced: by the command line; applied whatever the graph ends in, but not twice.

    Raises:
        ModelError: an unknown activation.
    """
    if wanted is not None and wanted not in ACTIVATIONS:
        raise ModelError(f"unknown activation {wanted!r}; expected one of {', '.join(ACTIVATIONS)}")
    found = ending.of(model, output)
    last, scale, zero = found.kind, found.scale, found.zero
    if forced is not None:
        done = last.lower() == forced
        graph = last if done or forced == "none" else ""
        return Activation("none" if done else forced, scale, zero, graph), "the command line"
    if last in ("Softmax", "Sigmoid"):
        return Activation("none", scale, zero, last), f"the graph ends in {last}"
    if last == "LogSoftmax":
        return Activation("softmax", scale, zero, last), "the graph ends in LogSoftmax"
    kind = wanted or "softmax"
    origin = "" if wanted else "the graph ends without one"
    return Activation(kind, scale, zero, ""), origin
