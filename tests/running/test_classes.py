"""`--classes` and `--always` in whole runs: the same bytes however the run is laid out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import LabelsError
from batchcls.job.job import Job
from batchcls.results.merge import merge
from batchcls.results.record import ParsedRecord, parse
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.results.verify import verify
from batchcls.running.run import run
from tests.support.tiny_models import colour_model, save

pytestmark = pytest.mark.runs


@pytest.fixture
def some(job: Job, tmp_path: Path) -> Job:
    """The job with two of the three classes, of which one is always written."""
    (tmp_path / "two.txt").write_text("blue\nRed\n")
    (tmp_path / "one.txt").write_text("2")
    return replace(
        job, classes=str(tmp_path / "two.txt"), always=str(tmp_path / "one.txt"), top=1,
        with_facts=("margin",),
    )  # fmt: skip


def lines(job: Job) -> Sequence[ParsedRecord]:
    return [parse(line) for line in Path(job.output).read_bytes().splitlines()]


def test_scores_are_shares_of_the_classes_that_count(job: Job, some: Job) -> None:
    run(replace(job, output=job.output + "l"))
    run(some)
    assert verify(Path(some.output), PosixStorage()).complete
    for before, now in zip(lines(replace(job, output=job.output + "l")), lines(some), strict=True):
        assert (before.failure, before.path) == (now.failure, now.path)
        if now.failure:
            assert not now.always
            continue
        scores = {one.label: one.score for one in before.top if one.label != "green"}
        whole = sum(scores.values())
        (best,), (always,) = now.top, now.always
        assert (always.index, always.label) == (2, "blue")
        assert best.index == {"red": 0, "blue": 2}[best.label]
        if whole > 0.01:  # six decimals are enough to tell
            assert best.score == pytest.approx(max(scores.values()) / whole, abs=1e-3)
            assert always.score == pytest.approx(scores["blue"] / whole, abs=1e-3)
        assert now.extra["margin"] == pytest.approx(abs(1 - 2 * always.score), abs=2e-6)


@pytest.mark.parametrize("layout", [{"workers": 1, "batch_size": 4}, {"decode_threads": 2}])
def test_no_layout_changes_a_byte(some: Job, layout: dict[str, Any]) -> None:
    run(some)
    other = replace(some, output=some.output + "l", **layout)
    run(other)
    assert Path(other.output).read_bytes() == Path(some.output).read_bytes()


def test_shards_and_a_merge_and_another_try_of_what_failed(some: Job, images: Path) -> None:
    run(some)
    shards = [replace(some, shard=f"{n}/2", output=f"{some.output}-{n}") for n in (1, 2)]
    for shard in shards:
        run(shard)
    merged = some.output + "-merged"
    merge(merged, [shard.output for shard in shards], PosixStorage())
    assert Path(merged).read_bytes() == Path(some.output).read_bytes()
    assert verify(Path(merged), PosixStorage()).complete
    (images / "bad/empty.png").write_bytes((images / "a/01-green.png").read_bytes())
    run(replace(some, output=merged, retry_failed=True))
    (found,) = (one for one in lines(replace(some, output=merged)) if "empty" in one.path)
    assert len(found.top) == len(found.always) == 1


def test_classes_of_a_multi_label_model_keep_their_scores(some: Job, tmp_path: Path) -> None:
    info = {"labels": "red green blue", "multilabel": "True", "mean_values": "255 255 255"}
    model = save(colour_model(16, sigmoid=True), tmp_path / "multi.xml", info)
    plain = replace(
        some, model=str(model), output=some.output + "l", classes=None, always=None, threshold=0.0
    )
    run(replace(plain, top=0))
    run(replace(some, model=str(model), top=0, threshold=0.3))
    assert verify(Path(some.output), PosixStorage()).complete
    for whole, now in zip(lines(plain), lines(some), strict=True):
        scores = {one.label: one.score for one in whole.top}
        assert [one.score for one in now.always] == [v for k, v in scores.items() if k == "blue"]
        above = {k: v for k, v in scores.items() if k != "green" and v >= 0.3}
        assert {one.label: one.score for one in now.top} == above
    assert any(now.top for now in lines(some))


def test_what_is_wrong_with_them_is_said_before_anything_is_labelled(
    some: Job, tmp_path: Path
) -> None:
    (tmp_path / "wrong.txt").write_text("bleu\n")
    with pytest.raises(LabelsError, match=r"'bleu' is no class.*did you mean 'blue'\?"):
        run(replace(some, always=str(tmp_path / "wrong.txt")))
    (tmp_path / "green.txt").write_text("green")
    with pytest.raises(LabelsError, match="names 'green', which `--classes` leaves out"):
        run(replace(some, always=str(tmp_path / "green.txt")))
    with pytest.raises(LabelsError, match=r"none\.txt"):
        run(replace(some, classes=str(tmp_path / "none.txt")))
    assert not RunPaths.of(some.output).directory.exists()
