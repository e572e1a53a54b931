"""`batchcls tune`: the fastest layout for a model and images on this machine, as a job file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from batchcls.cli.arguments import check_at_least
from batchcls.cli.job_options import FAST, IMAGES, MODEL, PREPROCESSING, SPEED, with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_note, print_result
from batchcls.display.text import counted
from batchcls.errors import UsageError
from batchcls.job.job import Job

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model.")]
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Images to measure with.")]
To = Annotated[str, typer.Option(metavar="FILE", help="Job file to write.")]
Seconds = Annotated[float, typer.Option(metavar="S", help="Seconds it may take, roughly.")]


@with_job_options(select(IMAGES, MODEL, SPEED, PREPROCESSING, "debug", without=FAST))
def tune(
    file: Model,
    sources: Sources,
    to: To = "tuned.toml",
    seconds: Seconds = 90,
    *,
    options: Mapping[str, Any],
) -> int:
    """Find the fastest settings for your images.

    Answers stay the same. The settings are written to a job file.
    """
    job = Job.from_dict({"model": file, "sources": sources, **options})
    job.check()
    check_at_least("--seconds", seconds, 0)
    import shlex
    import statistics

    from batchcls.backends.localised import with_built
    from batchcls.bench.tune import render_allocation, try_fast
    from batchcls.bench.tune import tune as try_layouts
    from batchcls.job.file_writer import job_text

    path = Path(to)
    local = with_built(job)
    job_text(job, {})  # what cannot be written is said before two minutes of work, not after
    try:
        path.open("x").close()
    except OSError as error:
        raise UsageError(
            f"job file {to}: {error.strerror}; name another with `--to FILE`"
        ) from error
    written = False
    try:
        layouts, raced = try_layouts(local, seconds, print_note)
        best, won = raced.winner, layouts[raced.winner]
        fps, was = statistics.median(raced.final(best)), statistics.median(raced.final(0))
        first = f"batchcls tune: {fps:.1f} images/s here, {was:.1f} by default"
        path.write_text(job_text(job, asdict(won), first), encoding="utf-8")
        written = True
    finally:
        if not written:
            path.unlink(missing_ok=True)
    line = f"batchcls run {shlex.quote(to)} --fast"
    if (quick := try_fast(local, won, print_note, line)) is not None and quick.pays:
        print_result(quick.advice)
    verdict = "the default is as good as any" if best == 0 else f"{fps / was:.2f} times the default"
    verdict += f" ({counted(len(raced.final(0)), 'round', 'rounds')})"
    print_result(
        f"{render_allocation(won)}: {fps:.1f} images/s, {verdict}\n"
        f"wrote {to}; `batchcls run {to}` uses it"
    )
    return 0
