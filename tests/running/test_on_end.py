"""The command of `--on-end` is told once, whatever came of the run, and changes nothing of it."""

import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import InterruptedByUser, RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.running import on_end
from batchcls.running.on_end import OnEnd
from batchcls.running.run import run
from tests.support.instant_run import Place
from tests.support.processes import children

PROGRAM = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({"code": os.environ["BATCHCLS_EXIT_CODE"], **json.load(sys.stdin)}))
    file.write("\\n")
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work")
    place.add(0, 20)
    return place


@pytest.fixture
def noted(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What the command was told, each time."""
    return lambda: [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]


@pytest.fixture
def line(tmp_path: Path) -> str:
    """The command that notes it."""
    return shlex.join([sys.executable, "-c", PROGRAM, str(tmp_path / "told")])


Told = Callable[[], list[dict[str, Any]]]


def test_a_complete_run_is_told_with_its_summary(place: Place, line: str, noted: Told) -> None:
    assert place.run(on_end=line).failed == 3
    (told,) = noted()
    summary = json.loads(place.paths.summary.read_text())
    assert told == {"code": "0", "exit_code": 0, **summary}
    assert (told["state"], told["done"], told["failed"]) == ("done", 20, 3)


def test_so_is_one_that_was_complete_before(place: Place, line: str, noted: Told) -> None:
    place.run()
    place.run(on_end=line)
    (told,) = noted()
    assert (told["state"], told["total"], told["resumed"], told["code"]) == ("done", 20, 20, "0")


def test_too_many_failures_have_their_exit_code(place: Place, line: str, noted: Told) -> None:
    assert place.run(on_end=line, max_failed="0").exit_code == 3
    assert noted()[0]["code"] == "3"


def test_what_was_refused_before_anything_was_started_is_not_told(
    place: Place, line: str, tmp_path: Path
) -> None:
    place.run()
    with pytest.raises(RefusedError):
        place.run(on_end=line, shard="1/2")
    assert not (tmp_path / "told").exists()


@pytest.mark.runs
def test_what_was_refused_afterwards_is(job: Job, tmp_path: Path, line: str, noted: Told) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"this is no model")
    output = tmp_path / "refused.jsonl"
    with pytest.raises(Exception, match=r"bad\.onnx"):
        run(replace(job, model=str(tmp_path / "bad.onnx"), output=str(output), on_end=line))
    (told,) = noted()
    assert (told["code"], told["state"]) == ("2", "stopped")
    assert "bad.onnx" in told["reason"]
    assert not (tmp_path / "refused.jsonl.job").exists()


def test_a_run_that_was_stopped_is_told_with_its_exit_code(line: str, noted: Told) -> None:
    end = OnEnd(line, "results.jsonl")
    end.begins(_Presenter())  # type: ignore[arg-type]  # of which it asks no more

    def stopped() -> Any:
        raise InterruptedByUser("stopped", signal.SIGTERM)

    with pytest.raises(InterruptedByUser):
        end.after(stopped)
    (told,) = noted()
    assert (told["code"], told["reason"]) == ("143", "stopped")


class _Presenter:
    summary = None


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit(7)", "exit status 7"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
    ],
)
def test_a_command_that_fails_is_a_warning(
    place: Place, capfd: pytest.CaptureFixture[str], program: str, words: str
) -> None:
    result = place.run(on_end=shlex.join([sys.executable, "-c", program]))
    assert (result.exit_code, result.images) == (0, 20)
    said = capfd.readouterr().err
    assert said.count("warning: --on-end") == 1
    assert words in said


def test_its_words_go_to_standard_error_and_never_to_the_output(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.run(on_end=shlex.join([sys.executable, "-c", "print('told')"]))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith("told\n")


@pytest.mark.runs
def test_a_command_that_hangs_is_killed_with_all_it_started(
    place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_end, "LIMIT_S", 1.0)
    place.run(on_end="sh -c 'sleep 300 & sleep 300'")
    assert "killed after 1 s" in capfd.readouterr().err
    assert not children(os.getpid())


def test_another_signal_ends_it(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    def press() -> None:
        while not children(os.getpid()):
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    result = place.run(on_end="sleep 300")
    finger.join()
    assert result.images == 20
    assert "killed by another signal" in capfd.readouterr().err


@pytest.mark.parametrize("line", ["no-such-program-here x", "/dev/null"])
def test_a_program_that_is_not_there_is_refused_in_the_evening(place: Place, line: str) -> None:
    with pytest.raises(UsageError, match="--on-end"):
        place.run(on_end=line)
    assert not place.paths.directory.exists()


@pytest.mark.parametrize("line", ["", "  ", "mail 'me", "\\"])
def test_a_line_that_is_no_command_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="--on-end"):
        Job(sources=("images",), on_end=line).check()


def test_no_shell_sees_it(place: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place.run(on_end=f"echo $HOME ; touch {tmp_path}/touched")
    assert capfd.readouterr().err.endswith(f"\n$HOME ; touch {tmp_path}/touched\n")
    assert not (tmp_path / "touched").exists()
