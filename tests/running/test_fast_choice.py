"""What is made of a trial of `--fast`: a margin, a bound that holds, and whether it pays."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.running.fast_choice import (
    AGAIN,
    FEW,
    WIDER,
    Choice,
    Costs,
    Seen,
    choose,
    lower_bound,
    margin_for,
    thirds,
)

COSTS = Costs(prepare=0.002, first=0.003, exact=0.010)

images = st.builds(
    lambda lead, off: Seen(lead, lead - off, top5=off < 1, apart=abs(off) / 100),
    st.floats(0, 12),
    st.floats(-1, 1.5),
)
trials = st.lists(images, min_size=FEW, max_size=90)
percents = st.sampled_from([90.0, 98.0, 99.5, 100.0])


@given(trials, percents)
def test_what_the_margin_was_chosen_on_keeps_its_answers(seen: list[Seen], percent: float) -> None:
    margin = margin_for(seen, percent)
    changed = sum(one.lead >= margin and not one.same for one in seen)
    assert changed <= (1 - percent / 100) * len(seen)


@given(trials, st.tuples(percents, percents))
def test_who_asks_for_more_has_no_fewer_second_looks(
    seen: list[Seen], two: tuple[float, float]
) -> None:
    assert margin_for(seen, min(two)) <= margin_for(seen, max(two))


@given(trials, percents)
def test_a_choice_counts_what_was_not_chosen_on(seen: list[Seen], percent: float) -> None:
    chosen_on, rest = thirds(seen)
    assert sorted([*chosen_on, *rest]) == sorted(seen)
    found = choose(chosen_on, rest, COSTS, percent)
    first = [one for one in rest if one.lead >= found.margin]
    assert found.tested == len(rest)
    assert found.same == len(rest) - sum(not one.same for one in first)
    assert found.again == pytest.approx(1 - len(first) / len(rest))
    assert found.keeps(percent) == (found.same / found.tested >= percent / 100)
    assert 0 <= found.at_least <= found.same / found.tested
    assert found.apart == max((one.apart for one in first), default=0.0)


@given(st.integers(1, 300), st.integers(0, 300))
def test_with_the_bound_as_the_truth_so_many_are_one_chance_in_twenty(of: int, wrong: int) -> None:
    same = max(0, of - wrong)
    bound = lower_bound(same, of)
    fewer = sum(math.comb(of, k) * bound**k * (1 - bound) ** (of - k) for k in range(same))
    assert fewer == pytest.approx(0.95 if same else 0.0, abs=1e-6)


def test_it_pays_from_its_costs_alone() -> None:
    surely = [Seen(9.0, 9.0, True, 0.0)] * 30

    def costing(*costs: float) -> Choice:
        return choose(surely, surely, Costs(*costs), 99.5)

    assert costing(0.002, 0.003, 0.010).pays
    assert costing(0.002, 0.003, 0.010).gain == pytest.approx(12 / 5)
    assert not costing(0.050, 0.003, 0.010).pays, "decoding is the most of it"
    assert not costing(0.002, 0.010, 0.010).pays, "no faster in bf16"


def test_a_margin_that_fails_its_test_is_widened_once_and_relied_on_less() -> None:
    seen = [Seen(0.1 * n, 0.1 * n - 0.5, True, 0.0) for n in range(1, 100)]
    narrow, wide = (factor * margin_for(seen, 99.5) for factor in WIDER)
    right = [Seen(9.0, 9.0, True, 0.0)] * 200
    between = Seen((narrow + wide) / 2, -0.1, False, 0.2)
    kept = choose(seen, right, COSTS, 99.5)
    assert kept.margin == pytest.approx(narrow, abs=2e-6)
    widened = choose(seen, [between, between, *right], COSTS, 99.5)
    assert widened.margin == pytest.approx(wide, abs=2e-6)
    assert widened.same == widened.tested
    assert widened.at_least == lower_bound(202, 202, AGAIN) < kept.at_least


def test_a_first_look_that_is_often_wrong_pays_nothing() -> None:
    chance = random.Random(3)
    leads = [chance.uniform(0, 6) for _ in range(300)]
    seen = [Seen(lead, chance.choice([lead, -lead]), False, 0.1) for lead in leads]
    found = choose(*thirds(seen), COSTS, 99.5)
    assert not found.pays
    assert found.again > 0.95


@pytest.mark.runs
@pytest.mark.parametrize("percent", [98.0, 99.5])
def test_in_at_least_19_of_20_jobs_no_more_answers_change_than_was_said(percent: float) -> None:
    """200 jobs of 20,000 images each, with first looks of every kind."""
    chance = random.Random(7)
    held = begun = 0
    for _ in range(200):
        spread, blur, tail = chance.uniform(0.5, 5), chance.uniform(0.02, 0.4), chance.random() / 9

        everything = [_image(chance, spread, blur, tail) for _ in range(20_000)]
        found = choose(*thirds(chance.sample(everything, 300)), COSTS, percent)
        changed = sum(one.lead >= found.margin and not one.same for one in everything)
        held += 1 - changed / len(everything) >= found.at_least
        begun += found.keeps(percent)
    assert held >= 190
    assert begun >= 150, "most of them are begun"


def _image(chance: random.Random, spread: float, blur: float, tail: float) -> Seen:
    lead = chance.expovariate(1 / spread)
    wide = blur * (8 if chance.random() < tail else 1)
    return Seen(lead, lead - chance.gauss(0, wide), True, 0.0)


def test_a_few_images_of_which_none_is_close() -> None:
    """Others of the run will be; a first look that was off by so much changes their answers."""
    seen = [Seen(5.0, 5.0 - off, True, 0.0) for off in (0.0, 0.12, -0.3)] * 9
    assert margin_for(seen, 99.5) == pytest.approx(0.12)
