"""progress.json: what is written comes back, what is damaged is refused."""

import json
from pathlib import Path

import pytest

from batchcls.display.progress.progress_file import load, save
from batchcls.display.snapshot import FailedImage, Snapshot, WorkerRow
from tests.support.fake_run import FakeRun

FULL = Snapshot(
    model="m\x1b[2J", devices=("CPU", "VCPU"), sources=("a", "b"), results="r.jsonl", pid=1,
    host="h", state="running", total=10, done=4, ok=3, failed=1, failed_by_kind={"empty": 1},
    resumed=2, held=1, answered=3, labelled=2, rate_now=1.5, rate_mean=1.25, eta_s=4.0,
    elapsed_s=2.0, startup_s=0.5, updated_at=1.7e9, history=(1.0, 2.0),
    workers=(
        WorkerRow(0, "CPU", "running", 3, 1.5, (1.0,), 20.0, 21.0, 3, 4, 0.75, 1, 10**8, 0.25),
    ),
    spent={"decode": 1.0}, agreement={"VCPU": (57, 58)}, labels=(("cat", 2),),
    failures=(FailedImage(3, "\udcff.jpg", "empty", "no bytes"),), warnings=("w",),
    summary={"fps": 1.25},
)  # fmt: skip


def test_round_trip() -> None:
    assert Snapshot.from_json(FULL.to_json()) == FULL
    assert Snapshot.from_json(Snapshot().to_json()) == Snapshot()


def test_round_trip_of_a_real_run() -> None:
    run = FakeRun(workers=3, devices=("CPU", "VCPU"), crash_at=5.0)
    run.start()
    run.until(30.0)
    shot = run.progress.snapshot(30.0)
    assert Snapshot.from_json(shot.to_json()) == shot


def test_it_is_one_line_of_ascii() -> None:
    assert FULL.to_json().isascii()
    assert FULL.to_json().isprintable()


def test_an_older_writer_left_keys_out_and_a_patch_release_added_one() -> None:
    data = {"schema": 1, "done": 3, "new": [1], "workers": [{"worker": 1, "colour": "red"}]}
    shot = Snapshot.from_json(json.dumps(data))
    assert (shot.done, shot.workers) == (3, (WorkerRow(worker=1),))


@pytest.mark.parametrize(
    "damaged",
    [
        "", "{", "[]", "null", "{}", '{"schema":"1"}', '{"schema":2}', '{"schema":1,"done":"many"}',
        '{"schema":1,"done":true}', '{"schema":1,"rate_now":NaN}', '{"schema":1,"eta_s":Infinity}',
        '{"schema":1,"workers":[1]}', '{"schema":1,"workers":{"a":1}}',
        '{"schema":1,"labels":[["a"]]}', '{"schema":1,"spent":[1]}',
        '{"schema":1,"summary":"x"}', '{"schema":1,"devices":3}',
        '{"schema":1,"failed_by_kind":{"a":"b"}}', '{"schema":1,"model":3}',
        '{"schema":1,"devices":"CPU"}', '{"schema":1,"failures":[[]]}',
        '{"schema":1,"eta_s":1' + "0" * 400 + "}", "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused(damaged: str) -> None:
    with pytest.raises(ValueError):
        Snapshot.from_json(damaged)


def test_share_is_known_only_with_the_total() -> None:
    assert Snapshot(total=None).share is None
    assert Snapshot(total=0).share == 1.0
    assert Snapshot(total=4, done=1).share == 0.25


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    assert load(tmp_path / "progress.json") is None
    assert save(Snapshot(done=1), tmp_path / "progress.json")
    assert save(FULL, tmp_path / "progress.json")
    assert load(tmp_path / "progress.json") == FULL
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_what_killed_runs_left_half_written_does_not_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        for pid in (1000, 1001):
            patch.setattr("os.getpid", lambda pid=pid: pid)
            with pytest.raises(KeyboardInterrupt):
                save(FULL, tmp_path / "progress.json")
    assert save(FULL, tmp_path / "progress.json")
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    assert save(FULL, tmp_path / "missing" / "progress.json") is False
    (tmp_path / "progress.json").mkdir()
    assert save(FULL, tmp_path / "progress.json") is False
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
