"""Comparing truth and predictions: indices, shifted indices, labels with synonyms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.images import Prediction
from batchcls.report.matching import Matching, class_indices, find_matching, same_label
from batchcls.report.truth import Truth

NAMES = ("tench, Tinca tinca", "goldfish", "great white shark, white shark", "crane", "crane")


def top(*indices: int, names: tuple[str, ...] = NAMES, shift: int = 0) -> tuple[Prediction, ...]:
    return tuple(Prediction(i + shift, names[i], 0.5) for i in indices)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tench, Tinca tinca", "tench,Tinca  tinca", True),
        ("tench", "tench, Tinca tinca", True),
        ("Tinca tinca", "tench, Tinca tinca", True),
        ("Tiger_Shark", "tiger shark", True),
        ("maillot, tank suit", "maillot, swimsuit", False),
        ("shark", "white shark", False),
        ("cat", "dog", False),
    ],
)
def test_labels(one: str, other: str, same: bool) -> None:
    assert same_label(one, other) is same
    assert same_label(other, one) is same


def test_the_index_decides_where_labels_are_ambiguous() -> None:
    matching = find_matching([(Truth(0, NAMES[0]), top(0, 1)), (Truth(4, "crane"), top(4))])
    assert (matching.by_index, matching.offset) == (True, 0)
    assert matching.rank(Truth(3, "crane"), top(4, 3)) == 1


def test_a_background_class_is_found_by_the_labels() -> None:
    known = [(Truth(n, NAMES[n]), top(0, 1, 2, shift=1)) for n in (0, 1, 2)]
    matching = find_matching(known)
    assert (matching.by_index, matching.offset) == (True, 1)
    assert "with offset 1 for a background class (3 of 3 labels confirm it)" in matching.note
    assert matching.rank(Truth(2, None), top(0, 2, shift=1)) == 1


def test_another_numbering_is_compared_by_label() -> None:
    backwards = [Prediction(9 - n, NAMES[n], 0.5) for n in range(3)]
    matching = find_matching([(Truth(n, NAMES[n]), backwards) for n in range(3)])
    assert not matching.by_index
    assert "1 of 3 labels agree" in matching.note
    assert matching.rank(Truth(1, NAMES[1]), backwards) == 1


def test_without_labels_nothing_is_guessed() -> None:
    matching = find_matching([(Truth(0, None), top(1))])
    assert (matching.by_index, matching.offset) == (True, 0)
    assert "no label shows" in matching.note
    assert find_matching([(Truth(None, "crane"), top(3))]).note == "compared by label"


def test_a_given_offset_is_taken() -> None:
    matching = find_matching([(Truth(0, NAMES[0]), top(0))], offset=-1)
    assert matching.offset == -1


@given(st.lists(st.integers(0, 9), max_size=9, unique=True), st.integers(0, 9), st.integers(-2, 2))
def test_the_rank_is_where_the_class_stands(indices: list[int], wanted: int, offset: int) -> None:
    predictions = [Prediction(i, str(i), 0.1) for i in indices]
    rank = Matching(offset=offset).rank(Truth(wanted, None), predictions)
    if rank is None:
        assert wanted + offset not in indices
    else:
        assert indices[rank] == wanted + offset


LABELS = ("background", "tench, Tinca tinca", "crane", "crane", "dog")


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        ([Truth(None, "tench"), Truth(None, "crane"), None], [1, None, None]),
        ([Truth(None, "cat")], [None]),
        ([Truth(0, "tench"), Truth(2, "crane"), Truth(3, None)], [1, 3, 4]),
        ([Truth(4, None), Truth(5, None)], [4, None]),
        ([Truth(4, "a dog by another name")], [4]),
    ],
)
def test_truths_become_indices(truths: list[Truth | None], expected: list[int | None]) -> None:
    assert class_indices(truths, LABELS) == expected
