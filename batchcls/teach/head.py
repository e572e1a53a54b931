"""Learns a linear head from features: scikit-learn's logistic regression, chosen by folds.

Rules of this file:

1. One thread, no chance: the same features give the same bits.
2. What comes out takes features as they are: their standardisation is inside the weights, and so
   is the temperature that makes probabilities of the scores.
"""

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import SetupError
from batchcls.version import TEACH

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of C, scikit-learn's inverse of the regularisation."""
USUAL = 1e-2
"""Where there is nothing to choose by."""
MOST_STEPS = 200
_ABSENT = -1e3
"""Logit of a class of which a fold had no example to learn from."""
_COLDEST, _HOTTEST = -3.0, 3.0
"""Natural logarithms of temperatures."""

Floats = NDArray[np.float64]


class Linear(NamedTuple):
    """Weights (classes, features) and bias (classes,)."""

    weights: Floats
    bias: Floats

    def logits(self, features: NDArray[Any]) -> Floats:
        """(examples, classes)."""
        return features.astype(np.float64) @ self.weights.T + self.bias


@dataclass(frozen=True, slots=True)
class Learnt:
    """A head, and how it did where it had not looked.

    Attributes:
        linear: what it is, with standardisation and temperature inside.
        strength: C.
        temperature: by which logits are divided.
        unseen: (examples, classes) logits of each example by a head of the other folds.
    """

    linear: Linear
    strength: float
    temperature: float
    unseen: Floats


def load_library() -> None:
    """See that scikit-learn is there.

    Raises:
        SetupError: it is not installed.
    """
    try:
        import sklearn.linear_model  # noqa: F401 - whether it can be
    except ImportError as error:
        raise SetupError(
            f"teaching needs scikit-learn ({error}); run `pip install '{TEACH}'`"
        ) from error


def learn(features: NDArray[Any], classes: NDArray[np.int64], folds: NDArray[np.int64]) -> Learnt:
    """Teach a head, with the regularisation and the temperature that do best on unseen folds.

    Args:
        features: (examples, features).
        classes: (examples,) numbers of classes, each with an example.
        folds: (examples,) numbers of folds, at least two of them.
    """
    load_library()  # first: only libraries that are loaded are limited
    from threadpoolctl import threadpool_limits

    # More threads add in another order, and so make other bits.
    with threadpool_limits(1):
        losses: dict[float, float] = {}
        tried: dict[float, Floats] = {}
        for strength in STRENGTHS:
            logits = tried[strength] = _unseen(features, classes, folds, strength)
            losses[strength] = loss(logits / temperature(logits, classes), classes)
        strength = min(losses, key=losses.__getitem__)
        unseen = tried[strength]
        warmth = temperature(unseen, classes)
        weights, bias = fit(features, classes, strength)
        return Learnt(Linear(weights / warmth, bias / warmth), strength, warmth, unseen)


def _unseen(
    features: NDArray[Any], classes: NDArray[np.int64], folds: NDArray[np.int64], strength: float
) -> Floats:
    found = np.full((len(classes), int(classes.max()) + 1), _ABSENT)
    for fold in np.unique(folds):
        held, taught = folds == fold, folds != fold
        known, numbers = np.unique(classes[taught], return_inverse=True)
        if len(known) < 2:
            found[np.ix_(held, known)] = 0.0
            continue
        logits = fit(features[taught], numbers.astype(np.int64), strength).logits(features[held])
        found[np.ix_(held, known)] = logits
    return found


def fit(features: NDArray[Any], classes: NDArray[np.int64], strength: float) -> Linear:
    """A head for features as they are; learnt from standardised ones.

    Classes weigh alike, however many examples they have.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values = features.astype(np.float64)
    mean, spread = values.mean(0), values.std(0)
    spread[spread < 1e-6] = 1.0  # the same in all examples
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=MOST_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough
        model.fit((values - mean) / spread, classes)
    return folded(Linear(model.coef_, model.intercept_), mean, spread)


def folded(linear: Linear, mean: Floats, spread: Floats) -> Linear:
    """A head for (x - mean) / spread as one for x; of two classes, one row becomes two."""
    weights, bias = linear
    if len(weights) == 1:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    weights = weights / spread
    return Linear(weights, bias - weights @ mean)


def temperature(logits: Floats, classes: NDArray[np.int64]) -> float:
    """By which to divide logits so that their softmax is as right as it claims to be.

    The one of the least loss (Guo et al., "On calibration of modern neural networks", 2017), by
    golden section; the loss is convex in its inverse. Examples of absent classes tell nothing.
    """
    known = logits[np.arange(len(classes)), classes] > _ABSENT
    if not known.any():
        return 1.0
    logits, classes = logits[known], classes[known]
    low, high, ratio = _COLDEST, _HOTTEST, (5**0.5 - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(logits / np.exp(left), classes) <= loss(logits / np.exp(right), classes):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def loss(logits: Floats, classes: NDArray[np.int64]) -> float:
    """Mean negative logarithm of the true class's probability."""
    top = logits.max(1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(1)) + top[:, 0]
    return float((total - logits[np.arange(len(classes)), classes]).mean())
