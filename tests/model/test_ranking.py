"""What answers are worth, and which of several ways cannot be told apart."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.model.ranking import Draws, Worth, level

CLASSES = 10


def worth(scores: object, right: Sequence[bool | None] | None = None) -> Worth:
    rows = np.asarray(scores, np.float64)
    return Draws(len(rows)).worth(rows, right or [None] * len(rows))


def answers(images: int, sureness: float, noise: int) -> NDArray[np.float64]:
    """Of a model that sees different classes, more or less surely."""
    chance = np.random.default_rng(noise)
    rows = np.full((images, CLASSES), 0.0)
    sure = np.clip(chance.normal(sureness, 0.15, images), 0.1, 1.0)
    for n, one in enumerate(sure):
        rows[n] = (1 - one) / (CLASSES - 1)
        rows[n, n % CLASSES] = one
    return rows


def test_information_is_not_confidence() -> None:
    assert worth([[1.0, 0.0], [1.0, 0.0]]).bits == pytest.approx(0.0)
    assert worth([[0.9, 0.1], [0.1, 0.9]]).bits == pytest.approx(1 - 0.469, abs=1e-3)


def test_a_clear_difference_is_seen_and_a_small_one_is_not() -> None:
    good, same, poor = answers(100, 0.8, 1), answers(100, 0.79, 2), answers(100, 0.6, 3)
    order, close = level([worth(poor), worth(same), worth(good)])
    assert order[-1] == 0
    assert sorted(close) == [1, 2]


def test_few_images_tell_less() -> None:
    few = [worth(answers(8, 0.62, 1)), worth(answers(8, 0.6, 2))]
    assert len(level(few)[1]) == 2


def test_less_than_a_twentieth_of_a_bit_tells_nothing_on_any_number_of_images() -> None:
    one = np.tile([[0.7, 0.3], [0.3, 0.7]], (2000, 1))
    other = np.tile([[0.72, 0.28], [0.28, 0.72]], (2000, 1))
    assert 0 < worth(other).bits - worth(one).bits < 0.05
    assert sorted(level([worth(one), worth(other)])[1]) == [0, 1]


def test_truths_go_before_information() -> None:
    sure, unsure = answers(100, 0.9, 1), answers(100, 0.5, 2)
    wrong, right = worth(sure, [False] * 100), worth(unsure, [True] * 100)
    assert level([wrong, right]) == ([1, 0], [1])
    # One image more or less decides nothing; then information does.
    nearly = worth(unsure, [True] * 99 + [False])
    assert level([nearly, worth(sure, [True] * 98 + [False] * 2)]) == ([1, 0], [1])
    assert worth(unsure, [None] * 99 + [True]).accuracy == 1.0


def test_the_same_images_give_the_same_ranking() -> None:
    first, second = worth(answers(50, 0.7, 1)), worth(answers(50, 0.7, 1))
    assert (first.drawn_bits == second.drawn_bits).all()
