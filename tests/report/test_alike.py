"""Pictures that look alike are found, and bursts; flat ones are like nothing."""

from hypothesis import given
from hypothesis import strategies as st

from batchcls.report.alike import BURST_CLOSE, CLOSE, bursts, groups

PICTURE = 0x0F0F_3C3C_55AA_9669


def test_pictures_that_differ_by_few_bits_are_one_group() -> None:
    near = PICTURE ^ 0b111
    chained = near ^ (0b111111 << 20)
    far = PICTURE ^ ((1 << 30) - 1)
    assert groups({4: PICTURE, 9: far, 2: near, 7: chained}) == [[2, 4, 7]]
    assert (PICTURE ^ chained).bit_count() > CLOSE


def test_the_largest_group_comes_first() -> None:
    other = PICTURE ^ ((1 << 32) - 1)
    assert groups({1: other, 2: other, 3: PICTURE, 4: PICTURE, 5: PICTURE}) == [[3, 4, 5], [1, 2]]


def test_flat_pictures_are_alike_to_nobody() -> None:
    assert groups({1: 0, 2: 0, 3: (1 << 64) - 1, 4: (1 << 64) - 1}) == []


def test_the_pictures_of_a_burst_follow_one_another_and_are_alike() -> None:
    moved = PICTURE ^ 0b1111_1111_1111
    other = PICTURE ^ ((1 << 30) - 1)
    hashes = {1: PICTURE, 2: moved, 3: PICTURE, 4: other, 5: PICTURE, 6: PICTURE, 7: 0, 8: 0}
    taken = {
        1: "2024-05-01T23:59:59.5+02:00", 2: "2024-05-01T23:59:58", 3: "2024-05-02T00:00:02",
        4: "2024-05-02T00:00:02", 5: "2024-05-02T00:00:06", 6: "", 7: "2024-05-02T00:00:02",
        8: "2024-05-02T00:00:02",
    }  # fmt: skip
    assert bursts(hashes, taken) == [[2, 1, 3]]
    assert bursts(hashes, {}) == []


@given(st.dictionaries(st.integers(0, 60), st.integers(0, 2**64 - 1), max_size=40), st.data())
def test_groups_are_apart_and_each_picture_is_close_to_another(
    hashes: dict[int, int], data: st.DataObject
) -> None:
    some = st.lists(st.sampled_from(sorted(hashes)), max_size=9) if hashes else st.just([])
    for key in data.draw(some):
        hashes[100 + key] = hashes[key] ^ (1 << data.draw(st.integers(0, 63)))
    moments = {key: f"2024-05-01T10:00:{key % 60:02}" for key in hashes}
    for found, close in ((groups(hashes), CLOSE), (bursts(hashes, moments), BURST_CLOSE)):
        keys = [key for group in found for key in group]
        assert len(keys) == len({*keys})
        for group in found:
            assert len(group) > 1
            for key in group:
                near = (hashes[key] ^ hashes[other] for other in group if other != key)
                assert min(value.bit_count() for value in near) <= close
