"""Some of a model's classes: shares of their sum where scores are shares, else as they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.model.graph.activation import Activation
from batchcls.model.infer.selection import Selection

SCORES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30)


@given(SCORES, st.data())
def test_shares_of_what_counts_add_up_and_keep_their_order(
    scores: list[float], data: st.DataObject
) -> None:
    chosen = sorted(data.draw(st.sets(st.sampled_from(range(len(scores))), min_size=1)))
    whole = np.array(scores, np.float32)
    found = Selection(tuple(chosen), (), shares=True).probabilities(whole)
    own = whole[chosen]
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    assert not own.any() or found.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(found[np.argsort(own, kind="stable")]) >= 0).all()
    assert Selection(tuple(chosen), (), shares=False).probabilities(whole).tolist() == own.tolist()


def test_a_softmax_over_some_is_the_softmax_of_some() -> None:
    raw = np.random.default_rng(1).normal(0, 4, 200).astype(np.float32)
    chosen = (3, 50, 51, 199)
    softmax = Activation("softmax").apply
    found = Selection(chosen, (), shares=True).probabilities(softmax(raw))
    assert found == pytest.approx(softmax(raw[list(chosen)]), abs=1e-6)


def test_all_classes_are_the_very_same() -> None:
    scores = np.array([0.25, 0.5], np.float32)
    assert Selection(None, (), shares=True).probabilities(scores) is scores


def test_where_all_that_counts_is_zero_nothing_is_likelier() -> None:
    scores = np.array([0, 1, 0], np.float32)
    assert Selection((0, 2), (), shares=True).probabilities(scores).tolist() == [0, 0]


@pytest.mark.parametrize("classes", [None, (1, 2, 4)])
def test_places_are_classes_of_the_model(classes: tuple[int, ...] | None) -> None:
    scores = np.arange(5, dtype=np.float32)
    chosen = Selection(classes, (2, 4), shares=False)
    values = chosen.probabilities(scores)
    assert chosen.of_always(values) == [2, 4]
    assert [scores[c] for c in chosen.classes([1, 0])] == values[[1, 0]].tolist()
    assert chosen.described == {"always": [2, 4], **({"classes": [1, 2, 4]} if classes else {})}


@pytest.mark.parametrize(
    ("activation", "shares"),
    [
        (Activation("softmax"), True),
        (Activation("none", graph="Softmax"), True),
        (Activation("softmax", graph="LogSoftmax"), True),
        (Activation("none", pair=True), True),
        (Activation("sigmoid"), False),
        (Activation("none", graph="Sigmoid"), False),
        (Activation("none"), False),
    ],
)
def test_which_scores_are_shares(activation: Activation, shares: bool) -> None:
    assert activation.shares is shares
