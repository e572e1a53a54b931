"""A run seen from another terminal: is it alive, how far is it, and when does watching end."""

import io
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.cli.run_progress import writer_of
from batchcls.cli.status import count_lines, status
from batchcls.cli.watch import show_run
from batchcls.display.progress.progress_file import save
from batchcls.display.snapshot import Snapshot
from batchcls.errors import RefusedError
from batchcls.images import Failure, ImageRef
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results import record, unchecked
from batchcls.results.manifest import Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage, opened

HERE = socket.gethostname()
HOSTILE = "a\x1b[2J\u202e\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A run's files, half way."""
    (tmp_path / "r.jsonl.job").mkdir()
    (tmp_path / "r.jsonl.part").write_bytes(b'{"i":0}\n{"i":1}\n')
    return tmp_path / "r.jsonl"


def put(results: Path, **changes: object) -> Snapshot:
    shot = Snapshot(
        model="m", devices=("CPU",), results=str(results), pid=os.getpid(), host=HERE,
        state="running", total=4, done=2, ok=2, updated_at=time.time(),
        rate_now=1.0, rate_mean=1.0, eta_s=2.0,
    )  # fmt: skip
    shot = replace(shot, **changes)  # type: ignore[arg-type] # fields of Snapshot
    assert save(shot, results.with_name(results.name + ".job") / "progress.json")
    return shot


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


Printed = Callable[[object], tuple[str, int]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """What `status` prints, and its exit code."""

    def call(path: object) -> tuple[str, int]:
        code = status(str(path))
        return capsys.readouterr().out, code

    return call


def test_status_of_a_run_at_work(results: Path, printed: Printed) -> None:
    put(results)
    text, code = printed(results)
    assert code == 0
    for fact in ("m on CPU", "running 2/4 50.0%", "ETA 2.0 s", "2 lines in", ".part", "is working"):
        assert fact in text


@pytest.mark.parametrize("name", ["r.jsonl.part", "r.jsonl.job", "r.jsonl.job/"])
def test_status_by_any_of_its_files(results: Path, name: str, printed: Printed) -> None:
    put(results)
    text, code = printed(f"{results.parent}/{name}")
    assert code == 0
    assert "2 lines" in text


def test_status_of_a_run_whose_process_is_gone(results: Path, gone: int, printed: Printed) -> None:
    put(results, pid=gone)
    text, code = printed(results)
    assert code == 4
    assert f"process {gone} on {HERE} ended (last seen " in text
    assert "; run the same command to resume" in text


def test_status_when_another_process_has_the_number(results: Path, printed: Printed) -> None:
    put(results, updated_at=time.time() - 10**8)
    assert printed(results)[1] == 4


@pytest.mark.parametrize(("age", "code"), [(1.0, 0), (3600.0, 4)])
def test_status_of_a_run_on_another_machine(
    results: Path, age: float, code: int, printed: Printed
) -> None:
    put(results, host="elsewhere.example", updated_at=time.time() - age)
    text, found = printed(results)
    assert found == code
    assert "it runs on another machine" in text


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("stopped", 4), ("interrupted", 4)])
def test_status_of_a_run_that_has_ended(
    results: Path, gone: int, state: str, code: int, printed: Printed
) -> None:
    put(results, state=state, pid=gone, failed=1, failed_by_kind={"empty": 1})
    text, found = printed(results)
    assert found == code
    assert "failed: empty 1" in text
    assert ("run the same command to resume" in text) == (code == 4)


def test_status_without_a_snapshot(results: Path, printed: Printed) -> None:
    assert printed(results) == (f"2 lines in {results}.part\n", 4)
    (results.parent / "r.jsonl.part").rename(results)
    assert printed(results) == (f"2 lines in {results}\n", 0)


def test_status_counts_what_will_replace_complete_results(results: Path, printed: Printed) -> None:
    results.write_bytes(b"{}\n" * 5)
    part = f"2 lines in {results}.part, which will replace {results}\n"
    assert printed(results) == (part, 4)
    put(results)
    assert part in printed(results)[0]
    (results.parent / "r.jsonl.part").unlink()
    assert f"5 lines in {results}\n" in printed(results)[0]


def test_status_shows_text_and_does_not_obey_it(results: Path, printed: Printed) -> None:
    put(results, model=HOSTILE, host=HOSTILE, state=HOSTILE, failed_by_kind={HOSTILE: 1})
    text, _ = printed(results)
    assert text.replace("\n", "").isprintable()


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no batchcls run"):
        status(str(tmp_path / "r.jsonl"))
    with pytest.raises(RefusedError, match="no batchcls run"):
        show_run(str(tmp_path / "r.jsonl"), io.StringIO())


def test_progress_that_cannot_be_read(results: Path) -> None:
    (results.parent / "r.jsonl.job" / "progress.json").write_text("{")
    with pytest.raises(RefusedError, match="cannot be read"):
        status(str(results))


@pytest.mark.runs
def test_watch_follows_a_run_to_its_end(results: Path) -> None:
    put(results)

    def end() -> None:
        time.sleep(0.2)
        put(results, state="done", done=4)

    run = threading.Thread(target=end)
    run.start()
    stream = io.StringIO()
    assert show_run(str(results), stream, "plain") == 0
    run.join()
    assert "running 2/4" in stream.getvalue()
    assert "done 4/4" in stream.getvalue()


def test_watch_ends_when_the_process_is_gone(results: Path, gone: int) -> None:
    put(results, pid=gone)
    stream = io.StringIO()
    assert show_run(str(results), stream, "plain") == 4
    assert "interrupted 2/4" in stream.getvalue()


def test_watch_of_a_finished_run_shows_its_end(results: Path) -> None:
    put(results, state="done", done=4)
    stream = io.StringIO()
    assert show_run(str(results), stream, "rich") == 0
    assert "4 of 4" in stream.getvalue()


def test_control_c_leaves_quietly(results: Path) -> None:
    put(results)
    code = (
        "import sys; from batchcls.cli.watch import show_run\n"
        f"sys.exit(show_run({str(results)!r}, sys.stdout))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(2)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_writer() -> None:
    shot = Snapshot(pid=os.getpid(), host=HERE, updated_at=time.time())
    assert writer_of(shot) == "alive"
    assert writer_of(replace(shot, pid=0)) == "unknown"
    assert writer_of(replace(shot, updated_at=0.0)) == "gone"


def test_a_killed_run_that_nobody_has_waited_for_is_over(results: Path, printed: Printed) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    shot = put(results, pid=process.pid)
    assert writer_of(shot) == "alive"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
    try:
        text, code = printed(str(results))
        assert "run the same command to resume" in text
        assert code == 4
        assert show_run(str(results), io.StringIO(), "plain") == 4
    finally:
        process.communicate()


def test_lines_are_counted_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"x" * 70 + (b"y" * 99 + b"\n") * 30_000)
    assert count_lines(path) == 30_000
    assert count_lines(tmp_path / "missing") == 0


def test_results_that_were_changed_after_the_run_are_not_done(
    results: Path, printed: Printed
) -> None:
    line = record.failure_line(ImageRef(0, "a.jpg"), Failure("truncated", "")) + b"\n"
    results.with_name(results.name + ".part").unlink()
    results.write_bytes(line)
    paths, storage = RunPaths.of(results), PosixStorage()
    first = marks.create(storage, paths.commit, "run")
    with opened(storage, paths.commit, os.O_RDWR) as fd:
        written = results.stat().st_mtime_ns
        whole = replace(first[0], size=len(line), count=1, crc32=zlib.crc32(line), mtime_ns=written)
        marks.MarkFile(storage, fd, *first).put(replace(whole, state="complete"))
    put(results, state="done", total=1, done=1)
    text, code = printed(results)
    assert "since then" not in text
    assert code == 0
    results.write_bytes(line.replace(b"a.jpg", b"b.jpg"))
    os.utime(results, (1, 1))
    text, code = printed(results)
    assert "since then" in text
    assert "is damaged: something in its first" in text or "is not what was written" in text
    assert code == 2
    with pytest.raises(RefusedError, match="damaged"):
        show_run(str(results), io.StringIO())
    results.unlink()
    assert "is now missing" in printed(results)[0]


def test_what_no_check_has_passed_yet_is_told(results: Path, printed: Printed) -> None:
    paths, storage = RunPaths.of(results), PosixStorage()
    found = Manifest(
        {"root": "/", "count": 4, "sha256": ""}, {}, settings={"unchecked": [["GPU", 3, ""]]}
    )
    manifests.save(storage, paths.manifest, found)
    put(results)
    assert "no check of the devices" not in printed(results)[0]
    unchecked.save(storage, paths, found.run, 2)
    text, _ = printed(results)
    assert "from image 2 on, no check of the devices has passed yet" in text
    assert "warning: the last images that GPU labelled, from image 3 on, could not" in text
