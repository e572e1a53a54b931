"""A sample is spread evenly over the list, in its order, and the same every time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import SourceError
from batchcls.job.job import Job
from batchcls.sources.files import Files
from batchcls.sources.sample import sample, scattered, spread


@given(st.integers(1, 3000), st.integers(1, 4000))
def test_as_many_as_there_are_and_evenly_spread(count: int, most: int) -> None:
    chosen = spread(count, most)
    assert len(set(chosen)) == min(count, most)
    gaps = [b - a for a, b in zip(chosen, [*chosen[1:], count], strict=True)]
    assert max(gaps) - min(gaps) <= 1


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
    assert [image.path for image in images] == [f"class {n}/a.jpg" for n in (0, 2, 4, 6, 8)]
    assert [Files().read(image) for image in images] == [b"0a", b"2a", b"4a", b"6a", b"8a"]
    assert images == sample(job, 5)
    assert len(sample(job, 100)) == 20


def test_nothing_to_choose_from_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images found"):
        sample(Job(sources=(str(tmp_path),)), 5)
