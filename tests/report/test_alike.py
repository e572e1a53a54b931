"""Pictures that look alike are found; flat ones are like nothing."""

from batchcls.report.alike import CLOSE, groups

PICTURE = 0x0F0F_3C3C_55AA_9669


def test_pictures_that_differ_by_few_bits_are_one_group() -> None:
    near = PICTURE ^ 0b111
    chained = near ^ (0b111111 << 20)
    far = PICTURE ^ ((1 << 30) - 1)
    assert groups({4: PICTURE, 9: far, 2: near, 7: chained}) == [[4, 2, 7]]
    assert (PICTURE ^ chained).bit_count() > CLOSE


def test_the_largest_group_comes_first() -> None:
    other = PICTURE ^ ((1 << 32) - 1)
    assert groups({1: other, 2: other, 3: PICTURE, 4: PICTURE, 5: PICTURE}) == [[3, 4, 5], [1, 2]]


def test_flat_pictures_are_alike_to_nobody() -> None:
    assert groups({1: 0, 2: 0, 3: (1 << 64) - 1, 4: (1 << 64) - 1}) == []
