"""Heads: their standardisation, their temperature, what they learn."""

import os

import numpy as np
import pytest

from batchcls.teach import head
from batchcls.teach.folds import folds
from batchcls.teach.head import Linear


def test_a_head_of_standardised_features_is_folded_into_one_of_features() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(3, 2, (50, 7))
    mean, spread = features.mean(0), features.std(0)
    linear = Linear(rng.normal(size=(4, 7)), rng.normal(size=4))
    plain = head.folded(linear, mean, spread)
    assert np.allclose(plain.logits(features), linear.logits((features - mean) / spread))


def test_two_classes_have_two_rows_of_which_the_softmax_is_the_sigmoid() -> None:
    linear = Linear(np.array([[1.0, -2.0]]), np.array([0.5]))
    logits = head.folded(linear, np.zeros(2), np.ones(2)).logits(np.array([[3.0, 1.0]]))[0]
    second = np.exp(logits[1]) / np.exp(logits).sum()
    assert second == pytest.approx(1 / (1 + np.exp(-1.5)))


@pytest.mark.parametrize("hot", [0.2, 1.0, 3.0])
def test_the_temperature_is_found_by_which_logits_were_multiplied(hot: float) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(scale=2, size=(4000, 5))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    classes = (chances.cumsum(1) > rng.random((4000, 1))).argmax(1)
    assert head.temperature(logits * hot, classes) == pytest.approx(hot, rel=0.1)


@pytest.mark.parametrize("least", range(5))
def test_the_least_loss_is_found_by_trying_few(least: int) -> None:
    costs = [abs(place - least) for place in range(5)]
    tried = set()

    def cost(place: int) -> int:
        tried.add(place)
        return costs[place]

    assert head.lowest(cost, 2, 5) == least
    assert len(tried) == {0: 4, 1: 4, 2: 3, 3: 4, 4: 4}[least]


def test_many_classes_are_learnt_without_a_word_of_scikit_learn(
    recwarn: pytest.WarningsRecorder,
) -> None:
    pytest.importorskip("sklearn")
    classes = np.repeat(np.arange(60), 2)
    rng = np.random.default_rng(7)
    features = (rng.normal(size=(120, 60)) + 8 * np.eye(60)[classes]).astype(np.float16)
    learnt = head.learn(features, classes, folds(classes, np.arange(120), 2))
    assert (learnt.unseen.argmax(1) == classes).mean() > 0.9
    assert not recwarn.list


@pytest.mark.parametrize("cores", [1, 4])
def test_the_same_features_teach_the_same_bits(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    rng = np.random.default_rng(5)
    classes = np.repeat([0, 1, 2], [60, 20, 10])
    features = (rng.normal(size=(90, 30)) + 2 * np.eye(30)[classes]).astype(np.float16)
    parts = folds(classes, np.arange(90), 5)
    one = head.learn(features, classes, parts)
    monkeypatch.undo()
    other = head.learn(features, classes, parts)
    assert one.linear.weights.tobytes() == other.linear.weights.tobytes()
    assert one.strength == other.strength
    assert (one.linear.logits(features).argmax(1) == classes).mean() > 0.9
    assert 0.4 < (one.unseen.argmax(1) == classes).mean() < 1.0


def test_a_class_with_one_example_is_learnt_all_the_same() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(6)
    classes = np.array([0] * 10 + [1] * 10 + [2])
    features = (rng.normal(size=(21, 8)) + 6 * np.eye(8)[classes]).astype(np.float16)
    parts = folds(classes, np.arange(21), 5)
    learnt = head.learn(features, classes, parts)
    assert (learnt.linear.logits(features).argmax(1) == classes).all()
    assert learnt.unseen.argmax(1)[-1] != 2


@pytest.mark.parametrize("seed", range(4))
def test_classes_that_a_fold_lacked_spoil_no_choice(seed: int) -> None:
    """Each of these is one scene, so in the fold that judges it nobody knows it."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(seed)
    classes = np.array([0] * 30 + [1] * 30 + [2, 3, 4, 5])
    features = (rng.normal(size=(64, 12)) + 3 * np.eye(12)[classes]).astype(np.float16)
    parts = folds(classes, np.arange(64), 5)
    learnt = head.learn(features, classes, parts)
    assert (learnt.unseen[60:].argmax(1) != classes[60:]).all()

    def cost(strength: float) -> float:
        """Of the 60 that the other folds could learn, at the best of many temperatures."""
        logits = np.zeros((64, 6))
        for part in range(5):
            held = parts == part
            known = np.unique(classes[~held])
            numbers = np.searchsorted(known, classes[~held])
            found = head.fit(features[~held], numbers, strength).logits(features[held])
            logits[np.ix_(held, known)] = found
            logits[np.ix_(held, np.setdiff1d(range(6), known))] = -np.inf
        return min(
            head.loss(logits[:60] / heat, classes[:60]) for heat in np.exp(np.arange(-3, 3, 0.05))
        )

    costs = [cost(strength) for strength in head.STRENGTHS]
    assert learnt.strength == head.STRENGTHS[int(np.argmin(costs))]
    assert 0.05 < learnt.temperature < 20
