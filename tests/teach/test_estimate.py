"""Estimates: near-duplicates and shared folds count for less."""

import numpy as np

from batchcls.teach.estimate import estimate, share


def test_near_duplicates_widen_the_interval() -> None:
    right = np.arange(100) % 10 != 0
    alone = share(right, np.arange(100), 5)
    bursts = share(right, np.arange(100) // 5, 5)
    assert (alone.examples, alone.distinct, alone.right) == (100, 100, 90)
    assert bursts.distinct == 20
    assert bursts.interval[0] < alone.interval[0] < 0.9 < alone.interval[1] < bursts.interval[1]


def test_one_large_burst_counts_for_little() -> None:
    groups = np.array([0] * 90 + [*range(1, 11)])
    low, high = share(np.ones(100, bool), groups, 5).interval
    assert low < 0.5
    assert high > 0.999


def test_the_interval_holds_the_truth_of_heads_that_share_their_examples() -> None:
    # The variance of a mean over folds, as Nadeau and Bengio have it: of 100, as of 44.
    low, high = share(np.arange(100) < 80, np.arange(100), 5).interval
    assert (round(float(low), 3), round(float(high), 3)) == (0.661, 0.891)


def test_classes_with_few_examples_are_named() -> None:
    classes = np.array([0] * 40 + [1] * 12 + [2] * 40)
    groups = np.array([*range(40), *([50] * 12), *range(60, 100)])
    found = estimate(np.ones(92, bool), classes, groups, ("a", "b", "c"), 5)
    assert found.few == ["b"]  # twelve pictures of one scene
    assert found.classes["b"].examples == 12
    assert found.as_dict()["overall"]["right"] == 92
