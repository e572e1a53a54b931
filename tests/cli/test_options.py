"""Options and fields of the job are the same, and end up in each other."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from batchcls.cli import legacy
from batchcls.cli.commands import app, names
from batchcls.cli.main import _parse
from batchcls.cli.options import OPTIONS
from batchcls.cli.run_command import job_of, option_names
from batchcls.job.job import Job


def test_every_field_of_the_job_is_an_option_once() -> None:
    assert sorted(o.field for o in OPTIONS) == sorted(
        f.name for f in fields(Job) if f.name != "sources"
    )


def test_switches_are_exactly_the_booleans() -> None:
    booleans = {f.name for f in fields(Job) if isinstance(getattr(Job(), f.name), bool)}
    assert {o.field for o in OPTIONS if not o.show} == booleans | {"reverse_input_channels"}


def parsed(line: str, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The job that a command line means, through typer and all."""
    found: list[Job] = []

    def caught(given: Any) -> Job:
        found.append(job_of(given))
        return found[0]

    monkeypatch.setattr("batchcls.cli.run_command.job_of", caught)
    _parse(legacy.rewrite(line.split(), names(), option_names(), lambda _: False))
    assert app.registered_commands
    return found[0]


LONG = (
    "--input a.jpg b.jpg --model model.xml --device CPU --number_top 5 --number_iter 10 "
    "--perf_counts --cpu_extension lib.so --plugin_dir dir --number_infer_requests 4"
)
OLD = (
    "-i a.jpg b.jpg -m model.xml -d CPU -nt 5 -ni 10 -pc -l lib.so -pp dir -nireq 4",
    LONG,
    "run -i a.jpg b.jpg -m model.xml -d CPU -nt 5 -ni 10 -pc -l lib.so -pp dir -nireq 4",
)


@pytest.mark.parametrize("line", OLD)
def test_the_old_samples_command_lines_mean_what_they_meant(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parsed(line, monkeypatch) == Job(
        sources=("a.jpg", "b.jpg"),
        model="model.xml",
        device=("CPU",),
        top=5,
        number_iter=10,
        perf_counts=True,
        extension=("lib.so",),
        plugins="dir",
        nireq=4,
    )


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("run x", {}),
        ("./x -d GPU -d CPU", {"sources": ("./x",), "device": ("GPU", "CPU")}),
        ("run x -i y", {"sources": ("x", "y")}),
        ("run - -0", {"sources": ("-",), "null_separated": True}),
        ("run x --no-reverse-input-channels", {"reverse_input_channels": False}),
        ("run x --reverse-input-channels", {"reverse_input_channels": True}),
        ("run x --mean-values -1,2,3", {"mean_values": "-1,2,3"}),
        ("run x --names *.jpg --names *.png", {"names": ("*.jpg", "*.png")}),
        ("run x -b4 -w 2 --timeout 9", {"batch_size": 4, "workers": 2, "timeout": 9.0}),
        ("run -- -x", {"sources": ("-x",)}),
        ("run x --nireq 0", {"nireq": 0}),
    ],
)
def test_flags_become_fields(
    line: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parsed(line, monkeypatch) == Job(**{"sources": ("x",), **options})


def test_a_job_file_among_the_sources_is_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "night.toml"
    file.write_text("sources = ['photos']\ntop = 3\nperf_counts = true\n")
    assert parsed(f"{file}", monkeypatch) == Job(sources=("photos",), top=3, perf_counts=True)
    assert parsed(f"run --job {file} other --top 4 --no-perf-counts", monkeypatch) == Job(
        sources=("other",), top=4
    )


def test_a_folder_with_that_ending_is_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.toml").mkdir()
    job = parsed(f"run {tmp_path}/odd.toml", monkeypatch)
    assert job.sources == (f"{tmp_path}/odd.toml",)
