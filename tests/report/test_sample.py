"""Which images a report shows: the same ones every time, fairly, and never too many."""

from collections import Counter

from batchcls.report.sample import MOST_CLASSES, Sample, Sizes, Smallest, mixed
from batchcls.report.scan import Line


def lines(count: int, classes: int = 4) -> list[Line]:
    """Images of a few classes; the higher the index, the surer."""
    return [
        Line(i, b'"%d"' % (i % classes), i / count, i / count, "") if i % 10 else
        Line(i, None, 0.0, 0.0, "empty")
        for i in range(count)
    ]  # fmt: skip


def taken(count: int, sizes: Sizes) -> Sample:
    sample = Sample(sizes)
    for line in lines(count):
        sample.add(line, 100 * line.index)
    return sample


def test_everything_is_counted() -> None:
    sample = taken(1000, Sizes())
    assert sample.images == 1000
    assert sample.failed == Counter(empty=100)
    assert sum(found.images for found in sample.classes.values()) == 900
    assert sum(sample.scores) == 900
    assert [label for label, _ in sample.by_frequency()][:2] == ["1", "3"]


def test_the_most_unsure_and_the_surest_are_found_wherever_they_are() -> None:
    sample = taken(1000, Sizes(unsure=5))
    assert [index for index, _ in sample.unsure.chosen()] == [1, 2, 3, 4, 5]
    assert [index for index, _ in sample.classes[b'"3"'].sure.chosen()] == [999, 995, 991]
    assert all(offset == 100 * index for index, offset in sample.unsure.chosen())


def test_what_is_chosen_at_random_is_spread_and_the_same_every_time() -> None:
    first, again = (taken(10_000, Sizes(of_class=200)) for _ in range(2))
    chosen = [index for index, _ in first.classes[b'"1"'].some.chosen()]
    assert chosen == [index for index, _ in again.classes[b'"1"'].some.chosen()]
    assert len(chosen) == 200
    tenths = Counter(index // 1000 for index in chosen)
    assert min(tenths[tenth] for tenth in range(10)) >= 8


def test_equals_are_chosen_by_chance_and_not_by_their_place() -> None:
    sample = Sample(Sizes(unsure=100))
    for index in range(10_000):
        sample.add(Line(index, b'"x"', 1.0, 0.0, ""), index)
    assert max(index for index, _ in sample.unsure.chosen()) > 9000


def test_nothing_is_kept_where_nothing_is_to_be_shown() -> None:
    none = Smallest(0)
    assert not none.worst > (0.0, 0)
    assert taken(100, Sizes.within(0)).unsure.chosen() == []


def test_labels_without_end_take_no_memory_without_end() -> None:
    sample = Sample(Sizes(of_class=1))
    for index in range(MOST_CLASSES + 10):
        sample.add(Line(index, b'"%d"' % index, 0.5, 0.5, ""), index)
    assert (len(sample.classes), sample.others) == (MOST_CLASSES, 10)


def test_images_of_the_other_labels_count_in_all_but_their_class() -> None:
    sample = Sample(Sizes(unsure=1, of_class=0))
    for index in range(MOST_CLASSES + 1):
        sample.add(Line(index, b'"%d"' % index, 0.5, float(MOST_CLASSES - index), ""), index)
    assert sum(sample.scores) == MOST_CLASSES + 1
    assert sample.unsure.chosen() == [(MOST_CLASSES, MOST_CLASSES)]


def test_the_hash_has_no_pattern_that_an_index_has() -> None:
    assert len({mixed(index) for index in range(10_000)}) == 10_000
    halves = Counter(mixed(index) >> 63 for index in range(0, 80_000, 8))
    assert 4700 < halves[0] < 5300
