"""Folds keep near-duplicates together and spread classes."""

import numpy as np
import pytest

from batchcls.teach.folds import folds, near_duplicates


def test_a_group_is_in_one_fold_and_each_class_in_all() -> None:
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 4, 400)
    groups = rng.integers(0, 150, 400)
    found = folds(classes, groups, 5)
    for group in np.unique(groups):
        assert len(set(found[groups == group])) == 1
    table = np.array([np.bincount(found[classes == n], minlength=5) for n in range(4)])
    assert table.min() >= 8  # of 20 on average
    assert np.array_equal(found, folds(classes, groups, 5))


def test_a_class_of_one_scene_is_in_one_fold() -> None:
    classes = np.array([0] * 10 + [1] * 10)
    groups = np.array([*range(10), *([10] * 10)])
    found = folds(classes, groups, 5)
    assert len(set(found[10:])) == 1
    assert len(set(found[:10])) == 5


def test_what_looks_alike_is_one_group_and_what_it_connects() -> None:
    pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(60, 64)).astype(np.float32)
    features = np.repeat(scenes, 3, 0) + rng.normal(scale=0.1, size=(180, 64)).astype(np.float32)
    found = near_duplicates(features + 5)
    assert np.array_equal(found.reshape(60, 3), np.repeat(found[::3, None], 3, 1))
    assert len(set(found)) == 60
