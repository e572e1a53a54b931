"""Commands that we show are those that would make the job again."""

import shlex
from dataclasses import replace

import typer
from hypothesis import given
from hypothesis import strategies as st

from batchcls.cli.job_options import only_given, with_job_options
from batchcls.cli.options import OPTIONS
from batchcls.cli.run import requested_job
from batchcls.job.job import Job
from batchcls.job.typed import command

JOBS = st.builds(
    Job,
    sources=st.just(("photos of '24", "more")),
    model=st.sampled_from([None, "model.xml", "my model.onnx"]),
    device=st.just(("CPU",)),
    names=st.sampled_from([Job().names, ("*.png", "*.webp")]),
    with_facts=st.sampled_from([(), ("margin", "look")]),
    nireq=st.integers(0, 4),
    cache=st.booleans(),
    multilabel=st.sampled_from([None, False, True]),
    threshold=st.sampled_from([None, 0.25]),
    mean_values=st.sampled_from([None, "[123.7,116.3,103.5]"]),
    fast_agreement=st.sampled_from([99.5, 99.95]),
)


def typed_job(text: str) -> Job:
    found: list[Job] = []

    @with_job_options(OPTIONS)
    def run(sources: list[str], *, options: dict[str, object]) -> int:
        found.append(requested_job(sources, None, only_given(options)))
        return 0

    app = typer.Typer(add_completion=False)
    app.command()(run)
    app(shlex.split(text)[2:], standalone_mode=False)
    return found[0]


@given(JOBS)
def test_what_is_shown_makes_the_job_again(job: Job) -> None:
    text = command(job, fast=True, output="fast.jsonl")
    assert typed_job(text) == replace(job, fast=True, output="fast.jsonl")


def test_what_was_meant_once_is_not_repeated() -> None:
    job = Job(sources=("a",), fresh=True, retry_failed=True, debug=True)
    assert command(job, fast=True) == "batchcls run a --fast"


def test_of_thousands_of_names_only_the_options_are_shown() -> None:
    job = Job(sources=tuple(f"{n}.jpg" for n in range(5000)), model="m.xml")
    assert command(job, fast=True) == "batchcls run … --fast"
