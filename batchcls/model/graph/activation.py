"""Decides once per model how raw outputs become probabilities, from its graph and metadata.

Never from an image's values: a model whose scores happen to add up to 1 on one image is not proof.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ModelError
from batchcls.job.choices import ACTIVATIONS
from batchcls.model.runtime import Model

_PASSES_THROUGH = frozenset(
    {"Clamp", "Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "FakeQuantize", "Result"}
)
_PROBABILITIES = frozenset({"Softmax", "Sigmoid"})
TINY = 1e-12
"""Probabilities of which the logarithm is taken are at least this."""


@dataclass(frozen=True, slots=True)
class Activation:
    """From raw outputs to probabilities.

    Attributes:
        kind: one of `ACTIVATIONS`; "none" where the graph ends in one already.
        scale: of a quantised output: probability = (raw - zero) * scale.
        zero: see `scale`.
        graph: the activation the graph ends in ("Softmax"), or empty: unknown, or of no account
            since another is forced on top of it.
    """

    kind: str
    scale: float = 1.0
    zero: float = 0.0
    graph: str = ""

    @property
    def sigmoid(self) -> bool:
        """Classes do not exclude each other."""
        return "sigmoid" in (self.kind, self.graph.lower())

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of one image, (classes,) float32, computed in double precision.

        In NumPy and not in the graph, so that a low inference precision costs nothing here.
        """
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
        elif "softmax" in (self.kind, self.graph.lower()):
            values = np.log(np.clip(values, TINY, None))
        return np.asarray(values + more)


def decide(
    model: Model, output: int, wanted: str | None, forced: str | None = None
) -> tuple[Activation, str]:
    """The model's activation, and where that is known from.

    Args:
        model: as read.
        output: index of the score output.
        wanted: by metadata; applied only where the graph does not end in one.
        forced: by the command line; applied whatever the graph ends in, but not twice.

    Raises:
        ModelError: an unknown activation.
    """
    if wanted is not None and wanted not in ACTIVATIONS:
        raise ModelError(f"unknown activation {wanted!r}; known: {', '.join(ACTIVATIONS)}")
    last, scale, zero = _walk(model.outputs[output].get_node())
    if forced is not None:
        done = last.lower() == forced
        graph = last if done or forced == "none" else ""
        return Activation("none" if done else forced, scale, zero, graph), "the command line"
    if last in _PROBABILITIES:
        return Activation("none", scale, zero, last), f"the graph ends in {last}"
    if last == "LogSoftmax":
        return Activation("softmax", scale, zero, last), "the graph ends in LogSoftmax"
    kind = wanted or "softmax"
    origin = "" if wanted else "the graph ends without one"
    return Activation(kind, scale, zero, ""), origin


def _walk(node: Any) -> tuple[str, float, float]:
    """The operation behind the shape changes at the end, and how its output was quantised."""
    scale, zero = 1.0, 0.0
    for _ in range(16):
        kind = node.get_type_name()
        if kind == "FakeQuantize" and (found := _quantisation(node)) is not None:
            ratio, offset = found
            scale, zero = scale * ratio, zero + offset / scale if scale else zero
        elif kind not in _PASSES_THROUGH:
            return kind, scale, zero
        node = node.input_value(0).get_node()
    return "", scale, zero


def before_quantisation(model: Model, output: int) -> Any:
    """What is quantised at an output's end; None where nothing is."""
    node, found = model.outputs[output].get_node(), None
    for _ in range(16):
        if node.get_type_name() == "FakeQuantize":
            found = node.input_value(0)
        elif node.get_type_name() not in _PASSES_THROUGH:
            break
        node = node.input_value(0).get_node()
    return found


def _quantisation(node: Any) -> tuple[float, float] | None:
    """(scale, zero) of a FakeQuantize from [low, high] to other numbers: q → (q - zero) * scale."""
    limits = []
    for index in range(1, 5):
        source = node.input_value(index).get_node()
        if source.get_type_name() != "Constant" or source.get_data().size != 1:
            return None
        limits.append(float(source.get_data().reshape(-1)[0]))
    low, high, out_low, out_high = limits
    if (low, high) == (out_low, out_high) or out_high == out_low:
        return None
    scale = (high - low) / (out_high - out_low)
    return scale, out_low - low / scale
