"""The command as a process and as a call: messages, exit codes, signals, closed pipes."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.main import get_group

from batchcls.cli.main import COMMANDS, command, main, program
from tests.support.processes import PATIENCE_S

BATCHCLS = [sys.executable, "-m", "batchcls"]
FULL = "batchcls: error: cannot write to standard output: No space left on device"


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_without_arguments_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys) == (
        "Usage: batchcls run [OPTIONS] [SOURCE...]\nTry `batchcls run --help`\n"
        "batchcls: error: no images to label: name a directory, image files, @list.txt, or - for a "
        "list on standard input\n"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "nonsense: no such command, and no such file or directory; `batchcls --help`"),
        ("evalaute", "evalaute: no such command, and no such file or directory; did you mean ev"),
        ("run a --nonsense", "no such option: --nonsense; did you mean --"),
        ("run a --nireq two", "--nireq: expected a whole number, not 'two'"),
        ("run a --nireq -1", "--nireq -1: must be 0 or more"),
        (
            "run a --progress loud",
            "--progress loud: expected one of auto, rich, bar, plain, json, none",
        ),
        ("run -i", "--input needs a value"),
        ("a.toml b.toml", "two job files, a.toml and b.toml; name only one"),
        ("a.toml --job b.toml", "two job files, a.toml and b.toml; name only one"),
        ("missing.toml", "job file missing.toml: No such file or directory"),
        ("run a --fresh --extend", "--fresh and --extend: use only one of them"),
        ("verify a b", "too many arguments: b"),
        ("verify --json=yes", "--json takes no value"),
        ("tune", "missing argument: MODEL"),
        ("quantize a b", "missing option: -o / --output"),
        ("bench --seconds soon", "--seconds: expected a number, not 'soon'"),
        ("bench --seconds -1", "--seconds -1: must be 0 or more"),
        ("demo --images 0", "--images 0: must be 1 or more"),
        ("demo /proc/none", "cannot draw images in /proc/none/images: No such file or directory"),
        ("status nothing.jsonl", "nothing.jsonl: no batchcls run"),
        ("verify nothing.jsonl", "no results at nothing.jsonl"),
        ("evaluate nothing.jsonl", "no results at nothing.jsonl"),
    ],
)
def test_what_is_wrong_is_named_in_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str,
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    told = complaint(capsys, *line.split())
    assert told.splitlines()[-1].startswith(f"batchcls: error: {message}")
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    told = complaint(capsys, "run", "--debug")
    assert "Traceback (most recent call last)" in told
    assert told.splitlines()[-1].startswith("batchcls: error: no images")


def test_a_job_file_can_ask_for_tracebacks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "night.toml").write_text("debug = true\n")
    told = complaint(capsys, f"{tmp_path}/night.toml", f"{tmp_path}/none", "-o", f"{tmp_path}/r")
    assert "Traceback (most recent call last)" in told


def test_hostile_words_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    told = complaint(capsys, "./\x1b]0;title\x07.toml")
    assert told.replace("\n", "").isprintable()


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(
    command: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main([command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Usage: batchcls {command}")
    assert max(map(len, lines)) < columns
    cut = [line for line in lines if line.endswith("...")]
    assert [line for line in cut if not line.endswith(("SOURCE...", "SHARD..."))] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_follows_the_style(command: str) -> None:
    parsed = get_group(program([command])).commands[command]
    texts = [getattr(param, "help", None) or "" for param in parsed.params]
    assert [text for text in texts if not re.search(r"\.( \[.+\])?$", text)] == []


def test_the_help_says_what_hetero_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-h"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "HETERO:GPU,CPU splits one model over devices" in told
    assert "to have two devices work on different images, give `--device` twice" in told


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("batchcls 0.")


# ---- as a process


@pytest.mark.timing
def test_help_is_cheap() -> None:
    seconds = []
    for _ in range(3):
        process = subprocess.Popen([*BATCHCLS, "--help"], stdout=subprocess.DEVNULL)
        used = os.wait4(process.pid, 0)[2]
        process.returncode = 0
        seconds.append(used.ru_utime + used.ru_stime)
    assert min(seconds) < 0.3


@pytest.mark.runs
@pytest.mark.parametrize("line", [["--help"], ["run", "-h"], ["evaluate", "RESULTS", "--json"]])
def test_a_reader_that_leaves_is_no_error(results: Path, line: list[str]) -> None:
    process = subprocess.Popen(
        [*BATCHCLS, *(str(results) if word == "RESULTS" else word for word in line)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    told = process.stderr.read() if process.stderr else b""
    assert (process.wait(), told) == (0, b"")
    if process.stderr:
        process.stderr.close()


@pytest.mark.runs
@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
        (">/dev/full", 1, f"{FULL}\n"),
        (">/dev/full 2>/dev/full", 1, ""),
    ],
)
def test_streams_that_take_nothing(results: Path, redirection: str, code: int, told: str) -> None:
    line = f'exec "$0" -m batchcls verify "$1" {redirection}'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable, str(results)], stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (code, told)


@pytest.mark.runs
def test_a_list_from_a_closed_standard_input_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *BATCHCLS, "run", "-", "--progress", "none"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.endswith(
        "batchcls: error: standard input is closed, and - reads a list of paths from it; name a "
        "file instead, as @list.txt\n"
    )


def test_a_directory_that_was_removed_is_named(tmp_path: Path) -> None:
    words = ["run", "images", "--progress", "none"]
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", *BATCHCLS, *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "batchcls: error: the current directory was removed; change to one that exists (`cd`) and "
        "try again\n"
    )


@pytest.mark.runs
def test_ctrl_c_ends_it_by_the_signal(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*BATCHCLS, "demo", str(tmp_path), "--images", "100000"],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(tmp_path.rglob("*.jpg")))
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == -signal.SIGINT
    assert told.endswith("batchcls: error: interrupted\n")
    assert "Traceback" not in told


@pytest.mark.runs
def test_killed_while_it_draws_nobody_draws_on(tmp_path: Path) -> None:
    process = subprocess.Popen([*BATCHCLS, "demo", str(tmp_path), "--images", "100000"])
    wait_for(lambda: any(tmp_path.rglob("*.jpg")))
    process.kill()
    process.wait()
    wait_for(lambda: not drawing(tmp_path))


def drawing(folder: Path) -> bool:
    """Some process, whoever has inherited it, has the folder on its command line."""
    return any(str(folder).encode() in words for words in command_lines())


def command_lines() -> Iterator[bytes]:
    """Of all processes there are."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_help_shows_each_command_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        summary = (command(name).__doc__ or "").partition("\n")[0]
        assert f"\n  {name:12}  {summary}\n" in shown
