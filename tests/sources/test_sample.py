"""A sample is spread over the list, in its order, and the same every time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import SourceError
from batchcls.job.job import Job
from batchcls.sources.files import Files
from batchcls.sources.sample import sample, scattered, spread


@given(st.integers(1, 3000), st.integers(1, 4000))
def test_as_many_as_there_are_and_one_of_each_part(count: int, most: int) -> None:
    chosen = spread(count, most)
    number = min(count, most)
    assert len(chosen) == number
    for n, index in enumerate(chosen):
        assert n * count // number <= index < (n + 1) * count // number


@pytest.mark.parametrize("period", range(2, 31))
def test_a_list_with_a_period_gives_each_of_its_kinds(period: int) -> None:
    """Bursts of a camera trap, say; with an even stride, all would be the first of theirs."""
    kinds = [index % period for index in spread(300 * 30, 300)]
    assert {*kinds} == {*range(period)}


@pytest.mark.parametrize("count", [1, 3, 40, 100, 100_000])
def test_every_beginning_is_spread_too(count: int) -> None:
    chosen = spread(count, 80)
    found = scattered(chosen)
    assert sorted(found) == chosen
    half = sorted(found[: len(found) // 2])
    gaps = [b - a for a, b in zip([0, *half], [*half, count], strict=True)]
    assert max(gaps) <= 1 + 4 * count / max(1, len(half))


def test_a_sample_can_be_read(tmp_path: Path) -> None:
    for number in range(10):
        folder = tmp_path / f"class {number}"
        folder.mkdir()
        for name in "ab":
            (folder / f"{name}.jpg").write_text(f"{number}{name}")
    job = Job(sources=(str(tmp_path),))
    images = sample(job, 5)
    chosen = [(index // 2, "ab"[index % 2]) for index in spread(20, 5)]
    assert [image.path for image in images] == [f"class {n}/{letter}.jpg" for n, letter in chosen]
    assert [Files().read(image) for image in images] == [
        f"{n}{letter}".encode() for n, letter in chosen
    ]
    assert images == sample(job, 5)
    assert len(sample(job, 100)) == 20


def test_nothing_to_choose_from_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images found"):
        sample(Job(sources=(str(tmp_path),)), 5)
