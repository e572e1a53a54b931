"""Comparing truth and predictions: indices, shifted indices, labels, WordNet ids, background."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.images import Prediction, unnamed
from batchcls.report.classes import Classes
from batchcls.report.matching import Matching, find_matching
from batchcls.report.truth import Truth

NAMES = ("tench, Tinca tinca", "goldfish", "great white shark, white shark", "crane", "crane")
FIVE = Classes.of(NAMES)
SIX = Classes.of(("background", *NAMES))
UNNAMED = Classes.of([unnamed(n) for n in range(1000)])
UNNAMED_AND_ONE = Classes.of([unnamed(n) for n in range(1001)])


def top(*indices: int, names: tuple[str, ...] = NAMES, shift: int = 0) -> tuple[Prediction, ...]:
    return tuple(Prediction(i + shift, names[i], 0.5) for i in indices)


def plain(index: int) -> tuple[Prediction, ...]:
    return (Prediction(index, unnamed(index), 0.5),)


def test_the_index_decides_where_labels_are_ambiguous() -> None:
    answers = [(Truth(0, NAMES[0]), top(0, 1)), (Truth(4, "crane"), top(4))]
    matching = find_matching(answers, FIVE)
    assert (matching.by_index, matching.offset) == (True, 0)
    assert matching.rank(Truth(3, "crane"), top(4, 3)) == 1


def test_a_background_class_is_found_by_the_labels() -> None:
    known = [(Truth(n, NAMES[n]), top(0, 1, 2, shift=1)) for n in (0, 1, 2)]
    matching = find_matching(known, SIX)
    assert (matching.by_index, matching.offset) == (True, 1)
    assert "with offset 1 for a background class (3 of 3 labels confirm it)" in matching.note
    assert matching.rank(Truth(2, None), top(0, 2, shift=1)) == 1


def test_another_numbering_is_compared_by_label() -> None:
    backwards = [Prediction(9 - n, NAMES[n], 0.5) for n in range(3)]
    classes = Classes({p.index: p.label for p in backwards}, complete=False)
    matching = find_matching([(Truth(n, NAMES[n]), backwards) for n in range(3)], classes)
    assert not matching.by_index
    assert "1 of 3 labels agree" in matching.note
    assert matching.rank(Truth(1, NAMES[1]), backwards) == 1


def test_without_labels_nothing_is_guessed() -> None:
    matching = find_matching([(Truth(0, None), top(1))], FIVE)
    assert (matching.by_index, matching.offset, matching.doubt) == (True, 0, "")
    assert "no label shows" in matching.note
    assert find_matching([(Truth(None, "crane"), top(3))], FIVE).note == "compared by label"


@pytest.mark.parametrize("counted_from", [0, 1])
@pytest.mark.parametrize("classes", [SIX, UNNAMED_AND_ONE])
def test_answers_tell_whether_the_truth_counts_a_background_class(
    classes: Classes, counted_from: int
) -> None:
    known = [(Truth(n + counted_from, None), plain(n + 1)) for n in range(5)]
    matching = find_matching([*known, (Truth(3, None), plain(1))], classes)
    assert (matching.offset, matching.doubt) == (1 - counted_from, "")
    assert matching.rank(Truth(2, None), plain(3 - counted_from)) == 0
    assert ("background class" in matching.note) is (counted_from == 0)


def test_a_truth_that_counts_from_one() -> None:
    known = [(Truth(n, None), plain(n - 1)) for n in (1, 700, 1000)]
    matching = find_matching(known, UNNAMED)
    assert matching.offset == -1
    assert "since the truth counts from 1" in matching.note
    assert find_matching([*known, (Truth(0, None), plain(0))], UNNAMED).offset == 0


@pytest.mark.parametrize(
    "name", ["388", "0388", "n02510455", "n02510455-giant_panda", "giant panda"]
)
def test_numbers_and_imagenets_ids_and_names_mean_an_index(name: str) -> None:
    for classes, answer in ((UNNAMED, 388), (UNNAMED_AND_ONE, 389)):
        matching = find_matching([(Truth(None, name), plain(answer))] * 3, classes)
        assert matching.meant(Truth(None, name)) == {answer}
        assert matching.doubt == ""
    assert find_matching([(Truth(None, name), top(0))], FIVE).doubt


def test_a_name_that_two_of_imagenets_classes_have_means_both() -> None:
    matching = find_matching([(Truth(None, "crane"), plain(135))] * 3, UNNAMED_AND_ONE)
    assert matching.meant(Truth(None, "crane")) == {135, 518}


def test_a_label_that_is_a_number_is_a_label() -> None:
    digits = Classes.of(("9", "8", "7"))
    assert find_matching([(Truth(None, "7"), ())], digits).meant(Truth(None, "7")) == {2}


def test_a_number_among_names_is_no_index() -> None:
    known = [(Truth(None, "goldfish"), top(1)), (Truth(None, "3"), top(3))]
    matching = find_matching(known, FIVE)
    assert (matching.note, matching.meant(Truth(None, "3"))) == ("compared by label", frozenset())


@pytest.mark.parametrize(
    ("truth", "classes", "doubt"),
    [
        (Truth(None, "holiday"), FIVE, r"true classes \(holiday\) is a class of the model \(tench"),
        (Truth(None, "Felix"), UNNAMED, "and the truth \\(Felix\\) has no indices of its classes"),
        (Truth(2000, None), UNNAMED, "columns file,index"),
        (Truth(None, "cat"), Classes({7: "dog"}, complete=False), "occurs in the results"),
    ],
)
def test_what_cannot_be_compared(truth: Truth, classes: Classes, doubt: str) -> None:
    matching = find_matching([(truth, top(0))], classes)
    assert re.search(doubt, matching.doubt)
    assert "--truth FILE" in matching.doubt


def test_no_more_than_chance_is_no_comparison() -> None:
    # Numbered alike, but in another order.
    known = [(Truth(n, None), plain(999 - n)) for n in range(500)]
    assert "only 0 of 500 answers are right" in find_matching(known, UNNAMED).doubt
    assert find_matching(known, UNNAMED, offset=0).doubt == ""
    assert find_matching(known[:10], UNNAMED).doubt == ""
    poor = [(Truth(n, None), plain(n if n % 25 == 0 else 7)) for n in range(500)]
    assert find_matching(poor, UNNAMED).doubt == ""


def test_a_given_offset_is_taken() -> None:
    matching = find_matching([(Truth(0, NAMES[0]), top(0))], FIVE, offset=-1)
    assert matching.offset == -1


@given(st.lists(st.integers(0, 9), max_size=9, unique=True), st.integers(0, 9), st.integers(-2, 2))
def test_the_rank_is_where_the_class_stands(indices: list[int], wanted: int, offset: int) -> None:
    predictions = [Prediction(i, str(i), 0.1) for i in indices]
    matching = Matching(Classes({}, complete=False), offset=offset)
    rank = matching.rank(Truth(wanted, None), predictions)
    if rank is None:
        assert wanted + offset not in indices
    else:
        assert indices[rank] == wanted + offset


LABELS = ("background", "tench, Tinca tinca", "crane", "crane", "dog")


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        ([Truth(None, "tench"), Truth(None, "crane")], [{1}, {2, 3}]),
        ([Truth(None, "cat")], [set()]),
        ([Truth(0, "tench"), Truth(2, "crane"), Truth(3, None)], [{1}, {3}, {4}]),
        ([Truth(4, None), Truth(7, None)], [{4}, set()]),
        ([Truth(0, "tench"), Truth(3, "a dog by another name")], [{1}, {4}]),
    ],
)
def test_truths_mean_indices(truths: list[Truth], expected: list[set[int]]) -> None:
    matching = find_matching([(truth, ()) for truth in truths], Classes.of(LABELS))
    assert [matching.meant(truth) for truth in truths] == expected
