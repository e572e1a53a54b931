"""Which images calibrate and which judge."""

from hypothesis import given
from hypothesis import strategies as st

from batchcls.quantize.images import halves, shares
from batchcls.sources.sample import spread

COUNTS = st.integers(2, 3000)


@given(COUNTS, st.integers(1, 400), st.integers(1, 400))
def test_no_image_both_calibrates_and_judges(count: int, calibration: int, held_out: int) -> None:
    share = shares(count, calibration, held_out)
    chosen = spread(count, sum(share))
    learn, held = halves(chosen, share[1])
    assert sorted(learn + held) == chosen
    assert (len(learn), len(held)) == share
    assert learn
    assert held
    assert len(learn) <= max(calibration, 1)
    assert len(held) <= held_out
