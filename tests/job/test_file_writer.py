"""A job file that we write gives the job again, and is one that people can read."""

import os
import tomllib
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.backends.allocation import decide
from batchcls.backends.machine import Machine
from batchcls.errors import UsageError
from batchcls.job import file
from batchcls.job.file_writer import job_text
from batchcls.job.job import Job


def again(text: str) -> Job:
    return file.merge(file.parse(text), {})


def test_what_differs_from_the_defaults_is_written_under_its_options_names() -> None:
    job = Job(sources=("photos",), null_separated=True, max_failed="2%", with_facts=("margin",))
    assert tomllib.loads(job_text(job, {})) == {
        "sources": ["photos"], "null": True, "max-failed": "2%", "with": ["margin"],
    }  # fmt: skip
    assert again(job_text(job, {})) == job


def test_numbers_are_written_even_where_they_are_the_defaults() -> None:
    job = Job(sources=("a",), workers=3)
    text = job_text(job, {"workers": Job().workers, "batch_size": 7, "pin": True}, "one\ntwo")
    assert text.startswith("# one\n# two\n")
    assert tomllib.loads(text) == {"sources": ["a"], "workers": Job().workers, "batch-size": 7}


def test_an_allocation_comes_out_as_it_went_in() -> None:
    job = Job(sources=("a b", "c"), model='we"ird.xml', device=("CPU",), top=3, nireq=0)
    allocation = decide(job, Machine(2))
    read = again(job_text(job, asdict(allocation)))
    assert replace(read, **{f: getattr(job, f) for f in asdict(allocation) if f != "pin"}) == job
    assert decide(read, Machine(2)) == allocation


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4))
def test_any_unicode_name_goes_through_a_file(names: list[str]) -> None:
    job = Job(sources=tuple(f"./{name}" for name in names))
    assert again(job_text(job, {})) == job


def test_what_is_meant_for_one_command_is_left_out() -> None:
    assert job_text(Job(fresh=True, extend=True, retry_failed=True, debug=True), {}) == ""


def test_a_name_that_no_job_file_can_hold_is_refused() -> None:
    odd = os.fsdecode(b"\xff.jpg")
    with pytest.raises(UsageError, match=r"sources .* not UTF-8"):
        job_text(Job(sources=("a.jpg", odd)), {})
    with pytest.raises(UsageError, match=r"model .* not UTF-8"):
        job_text(Job(model=odd), {})
