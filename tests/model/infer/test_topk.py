import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batchcls.model.infer.topk import top


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40), st.integers(1, 45)
)
def test_highest_first_ties_to_the_lower_index(scores: list[float], count: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:count]
    assert top(np.array(scores, np.float32), count) == expected


def test_none_of_any_is_none() -> None:
    assert top(np.array([1.0, 2.0], np.float32), 0) == []
