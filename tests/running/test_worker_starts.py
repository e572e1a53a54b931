"""Workers that cannot start, or not all of them: the run goes on without, or says what is wrong."""

import os
import re
import resource
import shutil
import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.backends import launch
from batchcls.errors import StoppedError
from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths
from batchcls.running.run import run
from tests.support.harness import run_faulty

pytestmark = pytest.mark.runs

UNSTARTED = "a worker process cannot be started: Resource temporarily unavailable; raise the limit"


@pytest.fixture
def own_python(tmp_path: Path) -> Path:
    """The interpreter of an environment that batchcls is installed in, by copy."""
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    subprocess.run(
        ["cp", "-r", Path(launch.__file__).parents[1], packages / "batchcls"], check=True
    )
    dependencies = [path for path in sys.path if path.endswith("-packages")]
    (packages / "dependencies.pth").write_text("\n".join(dependencies))
    return tmp_path / "venv/bin/python"


def label(python: Path, job: Job, folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["run", *job.sources, "-m", str(job.model), "-o", job.output, "--progress", "none"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, "-m", "batchcls", *words, "-w", "2"],
        env=env, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_backport_among_the_packages_replaces_no_module_of_the_library(
    own_python: Path, job: Job, tmp_path: Path
) -> None:
    """As old packages bring along: pathlib, enum34, dataclasses."""
    (packages,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    for name in ("pathlib", "enum", "dataclasses", "typing", "selectors"):
        (packages / f"{name}.py").write_text("raise ImportError('a backport')")
    done = label(own_python, job, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(Path(job.output).read_bytes().splitlines()) == 53


def test_what_kills_every_worker_is_named(own_python: Path, job: Job, tmp_path: Path) -> None:
    (packages,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    (packages / "batchcls/worker/serving.py").write_text("import a_missing_library")
    done = label(own_python, job, tmp_path)
    assert done.returncode == 4
    assert (
        "no worker could load the model (exit status 1: ModuleNotFoundError: "
        "No module named 'a_missing_library'); "
    ) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise MemoryError", "exit status 1: MemoryError"),
        ("import os; os.write(2, b'lib.so: cannot open'); os._exit(127)", "127: lib.so: cannot op"),
        ("import os; os.abort()", "SIGABRT"),
        ("import faulthandler; faulthandler.enable(); import os; os.abort()", "SIGABRT: Fatal Py"),
        ("1/0", "exit status 1: ZeroDivisionError: division by zero"),
    ],
)
def test_the_last_words_of_a_worker_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    (tmp_path / "dies_at_once.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ['PYTHONPATH']}")
    outcome = run_faulty(tmp_path, ["a"], module="dies_at_once")
    assert outcome.halted.startswith("no worker could load the model (")
    assert words in outcome.halted


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root")
@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1, UNSTARTED),
        # The machine chooses whether the first worker still lives when the second starts.
        (2, rf"exit status 1: RuntimeError: can't start new thread|{UNSTARTED}"),
        (4, r"raise the limit of processes and threads \(`ulimit -u`\)"),
    ],
)
def test_a_limit_of_processes_is_named(job: Job, tmp_path: Path, most: int, words: str) -> None:
    """The limits do not hold for root, so another user runs it, who may read what root may."""
    capabilities = "+dac_override,+dac_read_search"
    command = [
        "setpriv", "--reuid=54321", "--clear-groups", f"--inh-caps={capabilities}",
        f"--ambient-caps={capabilities}", "prlimit", f"--nproc={most}",
        sys.executable, "-m", "batchcls", "run", *job.sources, "-m", str(job.model),
        "-o", job.output, "--progress", "none", "-w", "2", "--no-cache",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 4)
    assert re.search(words, done.stderr)
    assert "Traceback" not in done.stderr


def test_without_an_interpreter_no_worker_starts(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the environment is replaced."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(StoppedError, match=r"process cannot be started: No such file"):
        run(job)


def test_a_limit_of_open_files_costs_workers_before_it_costs_the_run(
    job: Job, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    said, labelled_by_one = [], False
    for spare in range(8, 60):
        one = replace(job, output=str(tmp_path / f"{spare}.jsonl"))
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + spare, limits[1]))
        try:
            run(one)
        except StoppedError as error:
            said.append(str(error))
        else:
            log = RunPaths.of(one.output).log.read_text()
            labelled_by_one |= "worker 1 died (a worker process cannot be started: Too" in log
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        if labelled_by_one:
            break
    assert labelled_by_one
    assert all("Too many open files; raise the limit of open files (`ulimit -n`" in s for s in said)
    assert any("no worker could load the model (a worker process cannot be st" in s for s in said)
