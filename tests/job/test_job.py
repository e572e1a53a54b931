"""The job refuses values that make no sense, and says what is allowed."""

from dataclasses import fields
from typing import Any

import pytest

from batchcls.errors import UsageError
from batchcls.job.checks import FORMS, MINIMUM
from batchcls.job.choices import CHOICES
from batchcls.job.job import Job


def refused(**options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        Job.from_dict({"sources": ("photos",), **options}).check()
    return str(caught.value)


def test_the_defaults_need_nothing_but_images() -> None:
    Job(sources=("photos",)).check()
    assert refused(sources=()).startswith("no images to label: name a directory")


def test_tables_name_fields_that_exist() -> None:
    assert {*CHOICES, *FORMS, *MINIMUM} <= {field.name for field in fields(Job)}


@pytest.mark.parametrize("name", MINIMUM)
def test_numbers_have_a_least(name: str) -> None:
    least = MINIMUM[name]
    Job.from_dict({"sources": ("a",), name: least}).check()
    assert refused(**{name: least - 1}).endswith(f"{least - 1}: must be {least} or more")


@pytest.mark.parametrize("name", CHOICES)
def test_choices_list_what_is_allowed(name: str) -> None:
    for value in CHOICES[name]:
        Job.from_dict({"sources": ("a",), name: value}).check()
    assert refused(**{name: "nonsense"}).endswith(f"expected one of {', '.join(CHOICES[name])}")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "mean_values",
            ["0", "[1,2,3]", "1.5, 2, -3", "in[103.94 116.78 123.68]", ""],
            ["[1,2]", "a"],
        ),
        ("scale_values", ["255", "[58.4,57.1,57.4]", "1e-2"], ["1,2,3,4", "1;2;3"]),
        ("pad_value", ["0", "255", "[1,2,3]", "1 2 255"], ["256", "-1", "0.5", "1,2", "white", ""]),
        ("threshold", [0.0, 0.35, 1.0], [-0.1, 1.5, float("nan")]),
        ("layout", ["NCHW", "nhwc", "CHW", "[NCHW]", "data[NCHW]"], ["", "NC", "WXYZH"]),
        ("max_failed", ["0", "50", "2%", "0.5%", "100%"], ["-1", "101%", "two", "2 %", ""]),
        ("nstreams", ["", "2", "AUTO", "CPU:2,GPU.1:1"], ["two", "CPU:", "CPU:2,"]),
        ("infer_precision", ["", "f32", "CPU:bf16,GPU:f16"], ["fp32", "CPU:", "f32,f16"]),
        ("output", ["r.jsonl", "/a/b c.jsonl", "new\nline"], ["", "dir/"]),
        ("plugin", [("X=lib.so",), ()], [("X",), ("=lib",), ("X=",)]),
        ("device", [("CPU", "GPU"), ("HETERO:GPU,CPU",)], [(), ("",), ("CPU", "")]),
        ("names", [("*.jpg",)], [(), ("",)]),
        ("input_size", ["260", "48x192"], ["", "0", "48x", "x9", "a", "260 x 260"]),
        ("crop_fraction", [0.875, 1.0], [0.0, -0.5, 1.01, 87.5, float("nan")]),
        ("extension", [(), ("a.so",)], [("",)]),
    ],
)
def test_forms(name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        Job.from_dict({"sources": ("a",), name: value}).check()
    for value in bad:
        assert f"--{name.replace('_', '-')}" in refused(**{name: value})


def test_what_excludes_each_other() -> None:
    assert "--fresh and --extend: use only one" in refused(fresh=True, extend=True)
    assert "standard input can be read only once" in refused(sources=("-", "-"))
    assert "results go to a file" in refused(output="-")
    assert "more than 0 seconds" in refused(timeout=float("nan"))


def test_one_string_for_a_tuple_is_not_taken_apart() -> None:
    assert "Job.sources must be a tuple" in refused(sources="photos")


def test_a_job_survives_json() -> None:
    job = Job(sources=("a",), device=("CPU", "GPU"), max_failed="2%")
    assert Job.from_dict(job.as_dict()) == job
    with pytest.raises(UsageError, match="unknown option in the job: colour"):
        Job.from_dict({"colour": 1})
