"""`batchcls bench`: how fast each part is, the whole, the bound, and what would help."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchcls.cli.arguments import AsJson, check_at_least
from batchcls.cli.job_options import FAST, IMAGES, MODEL, PREPROCESSING, SPEED, with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_json, print_note, print_result
from batchcls.job.job import Job
from batchcls.job.typed import command

if TYPE_CHECKING:
    from batchcls.bench.figures import Figures


Model = Annotated[
    str | None, typer.Argument(metavar="MODEL", help="Model. Default: the built-in one.")
]
Sources = Annotated[
    list[str] | None, typer.Argument(metavar="SOURCE...", help="Images to measure with.")
]
NumberIter = Annotated[
    int,
    typer.Option(
        "--number-iter",
        "-n",
        metavar="N",
        help="Infer requests per measurement.",
        show_default="by time",
    ),
]
Seconds = Annotated[float, typer.Option(metavar="S", help="Seconds of each measurement.")]


@with_job_options(select(IMAGES, MODEL, SPEED, PREPROCESSING, "debug", without=FAST))
def bench(
    file: Model = None,
    sources: Sources = None,
    number_iter: NumberIter = 0,
    seconds: Seconds = 2,
    as_json: AsJson = False,
    *,
    options: Mapping[str, Any],
) -> int:
    """Measure inference, decoding and the whole on this machine.

    Without a SOURCE, only inference is measured.
    """
    check_at_least("--number-iter", number_iter, 0)
    check_at_least("--seconds", seconds, 0)
    from batchcls.backends.localised import with_built
    from batchcls.bench.measure import bench as measure

    job = Job.from_dict({"model": file, "sources": sources or (), **options})
    replace(job, sources=job.sources or ("-",)).check()  # images are no must here
    figures = measure(
        with_built(job),
        number_iter,
        seconds,
        lambda text: print_note(f"measuring {text}"),
        command(job, fast=True),
    )
    if as_json:
        print_json(figures.as_dict())
    else:
        print_result(render_figures(figures))
    return 0


def render_figures(figures: "Figures") -> str:
    """Figures as tables, and sentences below them."""
    from batchcls.bench.figures import shares
    from batchcls.display.table import aligned

    names = ("p50", "p95", "p99", "max")
    rows = [("inference alone", "", "nireq", "images/s", *(f"{name} ms" for name in names))]
    for one in figures.inference:
        latencies = [f"{one.latency_ms[n]:.2f}" if n in one.latency_ms else "-" for n in names]
        nireq = one.settings.get("nireq", "-")
        rows.append((one.device, one.layout, nireq, f"{one.fps:.1f}", *latencies))
    parts = [aligned(rows, right=(2, 3, 4, 5, 6, 7))]
    found = figures.preparation
    if found is not None:
        stages = [("per image, one core", "ms", "share of the cores")]
        took = {"read": found.read, "decode": found.decode, "preprocess": found.preprocess}
        for stage, share in shares(figures).items():
            fastest = max((o.fps for o in figures.inference if o.on_cpu), default=0.0)
            ms = took[stage] if stage in took else 1000 * figures.cores / fastest
            stages.append((stage, f"{ms:.3f}", f"{share:.0%}"))
        parts.append(aligned(stages, right=(1, 2)))
        if found.twice is not None:
            parts.append(f"{found.twice} of {found.images} images were decoded twice")
    whole, limit = figures.whole, figures.limit
    if whole is not None and limit:
        layout = ", ".join(f"{k} {v}" for k, v in whole.layout.items() if v != "")
        parts.append(
            f"whole pipeline  {whole.fps:.1f} images/s, {whole.fps / limit:.2f} of the bound "
            f"{limit:.1f}\n"
            f"                {whole.worker_ms:.2f} ms of processor time per image in workers, "
            f"{1000 * whole.coordinator_ms:.0f} µs in the coordinator\n"
            f"                ({layout})"
        )
    if figures.fast is not None:
        rate = f"{figures.fast.fps:.1f} images/s, {figures.fast.times:.2f} times as fast"
        more = f"\n  the whole pipeline with it: {rate}" if figures.fast.fps else ""
        parts.append(figures.fast.words + more)
    precision = ", ".join(f"{k} {v}" for k, v in figures.precision.items())
    advice = figures.as_dict()["advice"]
    parts.append("\n".join([*advice, f"precision: {precision}; {figures.cores} cores"]))
    return "\n\n".join(parts)
