"""Learns a linear head from features: scikit-learn's logistic regression, chosen by folds.

Rules of this file:

1. One thread for each fit, no chance: the same features give the same bits.
2. What comes out takes features as they are: their standardisation is inside the weights, and so
   is the temperature that makes probabilities of the scores.
"""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
PRECISION = np.float32
_ABSENT = -1e3
"""Logit of a class of which a fold had no example to learn from."""
_HALVINGS = 20
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

    # More threads add in another order, and so make other bits. Fits side by side do not.
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        warnings.simplefilter("ignore")  # of too few steps, which is near enough; of many classes
        tried: dict[float, tuple[float, float, Floats]] = {}

        def cost(place: int) -> float:
            strength = STRENGTHS[place]
            if strength not in tried:
                logits = _unseen(features, classes, folds, strength, pool)
                # What no fold could learn tells nothing of how well it learns.
                told = logits[np.arange(len(classes)), classes] > _ABSENT
                warmth = temperature(logits[told], classes[told])
                tried[strength] = loss(logits[told] / warmth, classes[told]), warmth, logits
            return tried[strength][0]

        strength = STRENGTHS[lowest(cost, STRENGTHS.index(USUAL), len(STRENGTHS))]
        _, warmth, unseen = tried[strength]
        weights, bias = fit(features, classes, strength)
        return Learnt(Linear(weights / warmth, bias / warmth), strength, warmth, unseen)


def lowest(cost: Callable[[int], float], place: int, count: int) -> int:
    """Downhill from a place to where both neighbours cost no less: most are never tried."""
    while True:
        near = [one for one in (place - 1, place, place + 1) if 0 <= one < count]
        best = min(near, key=lambda one: (cost(one), one != place))
        if best == place:
            return place
        place = best


def _unseen(
    features: NDArray[Any],
    classes: NDArray[np.int64],
    folds: NDArray[np.int64],
    strength: float,
    pool: ThreadPoolExecutor,
) -> Floats:
    found = np.full((len(classes), int(classes.max()) + 1), _ABSENT)

    def judge(fold: int) -> None:
        held, taught = folds == fold, folds != fold
        known, numbers = np.unique(classes[taught], return_inverse=True)
        if len(known) < 2:
            found[np.ix_(held, known)] = 0.0
            return
        logits = fit(features[taught], numbers.astype(np.int64), strength).logits(features[held])
        found[np.ix_(held, known)] = logits

    list(pool.map(judge, np.unique(folds).tolist()))
    return found


def fit(features: NDArray[Any], classes: NDArray[np.int64], strength: float) -> Linear:
    """A head for features as they are; learnt from standardised ones.

    Classes weigh alike, however many examples they have.
    """
    from sklearn.linear_model import LogisticRegression

    values = features.astype(np.float64)
    mean, spread = values.mean(0), values.std(0)
    spread[spread < 1e-6] = 1.0  # the same in all examples
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=MOST_STEPS)
    model.fit(((values - mean) / spread).astype(PRECISION), classes)
    weights, bias = (part.astype(np.float64) for part in (model.coef_, model.intercept_))
    return folded(Linear(weights, bias), mean, spread)


def folded(linear: Linear, mean: Floats, spread: Floats) -> Linear:
    """A head for (x - mean) / spread as one for x; of two classes, one row becomes two."""
    weights, bias = linear
    if len(weights) == 1:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    weights = weights / spread
    return Linear(weights, bias - weights @ mean)


def temperature(logits: Floats, classes: NDArray[np.int64]) -> float:
    """By which to divide logits so that their softmax is as right as it claims to be.

    The one of the least loss (Guo et al., "On calibration of modern neural networks", 2017). The
    loss is convex in its inverse, so its slope says on which side the least is.

    Args:
        logits: (examples, classes).
        classes: (examples,) the true ones.
    """
    if not len(classes):
        return 1.0
    behind = logits - logits.max(1, keepdims=True)
    true = float(behind[np.arange(len(classes)), classes].mean())
    low, high = _COLDEST, _HOTTEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        chances = np.exp(behind / np.exp(middle))
        guessed = np.einsum("ij,ij->i", chances, behind) / chances.sum(1)
        if guessed.mean() > true:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def loss(logits: Floats, classes: NDArray[np.int64]) -> float:
    """Mean negative logarithm of the true class's probability; 0 of no examples."""
    if not len(classes):
        return 0.0
    top = logits.max(1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(1)) + top[:, 0]
    return float((total - logits[np.arange(len(classes)), classes]).mean())
