"""What the developers' programs say of `--fast`: rivals that agree as well, and splits."""

from jobs.performance import fast_rows
from jobs.performance.table import Round

COSTS = {"prepare": 0.002, "first": 0.003, "exact": 0.010}


def test_a_rival_counts_where_it_agrees_no_less() -> None:
    rounds: dict[str, list[Round]] = {
        "fast": [{"total": 120.0}, {"total": 130.0}],
        "run": [{"total": 80.0}, {"total": 100.0}],
        "careless": [{"total": 500.0}, {"total": 500.0}],
    }
    agreements = {"fast": 0.999, "run": 1.0, "careless": 0.98}
    *others, verdict = fast_rows.against(rounds, agreements)
    assert verdict.met
    assert verdict.figure == "1.40 (1.30-1.50)x; of run"
    assert [line.met for line in others] == [None, None]
    assert not fast_rows.against(rounds, agreements | {"careless": 1.0})[-1].met


def test_splits_count_what_stays_the_same() -> None:
    clear, wrong = [9.0, 9.0, True, 0.0], [8.0, -1.0, False, 0.1]
    good = fast_rows.splits("bf16", {"seen": [clear] * 90, "costs": COSTS})
    assert good.met
    assert good.figure.startswith("100.00% of 1,200")
    # Nothing in a third of them warns of it where that has none of the wrong ones.
    assert not fast_rows.splits("bf16", {"seen": [clear] * 88 + [wrong] * 2, "costs": COSTS}).met
