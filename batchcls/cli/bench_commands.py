"""The commands that measure, `bench` and `tune`, as typer sees them."""

from dataclasses import replace
from typing import Any

import typer

from batchcls.cli.action import Action
from batchcls.cli.help import Sectioned
from batchcls.cli.options import IMAGES, MODEL, OPTIONS, PICTURE, RESULTS, RUNNING, SPEED
from batchcls.cli.signature import argument, given, option, with_options
from batchcls.job.job import Job

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_MEASURED = [
    o for o in OPTIONS if o.section in (MODEL, SPEED, PICTURE, IMAGES) or o.field == "debug"
]
_MODEL_FILE = argument("file", str, show="MODEL", text="The model.")
_TO_MEASURE = argument("sources", list[str], show="SOURCE", text="Images to measure with.")


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("bench", cls=Sectioned, context_settings=_CONTEXT)(bench_command)
    app.command("tune", cls=Sectioned, context_settings=_CONTEXT)(tune_command)


@with_options(
    _MODEL_FILE,
    _TO_MEASURE,
    option("number_iter", int, "--number-iter", "-n", show="N",
           text="Infer requests per measurement; default: by time.", section=RUNNING),
    option("seconds", float, "--seconds", show="S",
           text="Of each measurement. [2]", section=RUNNING),
    option("json", bool, "--json", show="", text="For machines.", section=RESULTS),
    options=_MEASURED,
)  # fmt: skip
def bench_command(context: typer.Context, **_: Any) -> Action:
    """Measure inference, decoding and the whole, against what the machine allows."""
    options = given(context)
    as_json, model = options.pop("json", False), options.pop("file", None)
    number_iter, seconds = options.pop("number_iter", 0), options.pop("seconds", 2.0)

    def do() -> int:
        from batchcls.cli.bench import bench

        job = _job(model, options)
        replace(job, sources=job.sources or ("-",)).check()  # images are no must here
        return bench(job, number_iter, seconds, as_json=as_json)

    return Action(do, options.get("debug", False))


@with_options(
    _MODEL_FILE,
    _TO_MEASURE,
    option("to", str, "--to", show="FILE",
           text="The job file to write. [tuned.toml]", section=RUNNING),
    option("seconds", float, "--seconds", show="S",
           text="How long it may take, about. [90]", section=RUNNING),
    options=_MEASURED,
)  # fmt: skip
def tune_command(context: typer.Context, **_: Any) -> Action:
    """Find the fastest layout on your own images; same answers. Writes a job file."""
    options = given(context)
    model, file = options.pop("file", None), options.pop("to", "tuned.toml")
    seconds = options.pop("seconds", 90.0)

    def do() -> int:
        from batchcls.cli.tune import tune

        job = _job(model, options)
        job.check()
        return tune(job, file, seconds)

    return Action(do, options.get("debug", False))


def _job(model: str | None, options: dict[str, Any]) -> Job:
    return Job.from_dict({"model": model, **options})
