"""Options and fields of the job are the same, and end up in each other."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_group

from batchcls.cli import legacy
from batchcls.cli.job_options import only_given
from batchcls.cli.main import COMMANDS, program
from batchcls.cli.options import OPTIONS
from batchcls.cli.run import option_names, requested_job
from batchcls.job.job import Job


def test_every_field_of_the_job_is_an_option_once() -> None:
    assert sorted(o.field for o in OPTIONS) == sorted(
        f.name for f in fields(Job) if f.name != "sources"
    )


def test_switches_are_exactly_the_booleans() -> None:
    booleans = {f.name for f in fields(Job) if isinstance(getattr(Job(), f.name), bool)}
    assert {o.field for o in OPTIONS if not o.show} == booleans | {
        "multilabel", "reverse_input_channels"
    }  # fmt: skip


def parsed(line: str) -> Job:
    """The job that a command line means, as typer parses it."""
    words = legacy.rewrite(line.split(), COMMANDS, option_names(), lambda _: False)
    run = get_group(program(COMMANDS)).commands[words[0]]
    given = run.make_context("run", words[1:]).params
    options = only_given({option.field: given[option.field] for option in OPTIONS})
    sources = [*(given["sources"] or ()), *(given["more_sources"] or ())]
    return requested_job(sources, given["job_file"], options)


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
def test_the_old_samples_command_lines_mean_what_they_meant(line: str) -> None:
    assert parsed(line) == Job(
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
def test_flags_become_fields(line: str, options: dict[str, Any]) -> None:
    assert parsed(line) == Job(**{"sources": ("x",), **options})


def test_a_job_file_among_the_sources_is_the_job(tmp_path: Path) -> None:
    file = tmp_path / "night.toml"
    file.write_text("sources = ['photos']\ntop = 3\nperf_counts = true\n")
    assert parsed(f"{file}") == Job(sources=("photos",), top=3, perf_counts=True)
    assert parsed(f"run --job {file} other --top 4 --no-perf-counts") == Job(
        sources=("other",), top=4
    )


def test_a_folder_with_that_ending_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").mkdir()
    job = parsed(f"run {tmp_path}/odd.toml")
    assert job.sources == (f"{tmp_path}/odd.toml",)
