"""`batchcls bench`: how fast each part is, the whole, the bound, and what would help."""

from batchcls.bench.figures import Figures, shares
from batchcls.bench.measure import bench as measure
from batchcls.cli.terminal import complain, say, say_json
from batchcls.job.job import Job
from batchcls.report.columns import columns


def bench(job: Job, number_iter: int, seconds: float, *, as_json: bool) -> int:
    """Measure, and print.

    Args:
        job: model, devices, preprocessing, and sources if there are any.
        number_iter: infer requests per measurement; 0 = for `seconds`.
        seconds: of each measurement.
        as_json: for machines.

    Raises:
        BatchclsError: the model, a device or a source cannot be used.
    """
    figures = measure(job, number_iter, seconds, lambda text: complain(f"measuring {text}"))
    if as_json:
        say_json(figures.as_dict())
    else:
        say(words(figures))
    return 0


def words(figures: Figures) -> str:
    """Figures as tables, and sentences below them."""
    names = ("p50", "p95", "p99", "max")
    rows = [("inference alone", "", "nireq", "images/s", *(f"{name} ms" for name in names))]
    for one in figures.inference:
        latencies = [f"{one.latency_ms[n]:.2f}" if n in one.latency_ms else "-" for n in names]
        nireq = one.settings.get("nireq", "-")
        rows.append((one.device, one.layout, nireq, f"{one.fps:.1f}", *latencies))
    parts = [columns(rows, right=(2, 3, 4, 5, 6, 7))]
    found = figures.preparation
    if found is not None:
        stages = [("per image, one core", "ms", "share of the cores")]
        took = {"read": found.read, "decode": found.decode, "preprocess": found.preprocess}
        for stage, share in shares(figures).items():
            fastest = max((o.fps for o in figures.inference if o.on_cpu), default=0.0)
            ms = took[stage] if stage in took else 1000 * figures.cores / fastest
            stages.append((stage, f"{ms:.3f}", f"{share:.0%}"))
        parts.append(columns(stages, right=(1, 2)))
        if found.twice is not None:
            parts.append(f"{found.twice} of {found.images} images decoded twice")
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
    precision = ", ".join(f"{k} {v}" for k, v in figures.precision.items())
    told = figures.as_dict()["advice"]
    parts.append("\n".join([*told, f"precision: {precision}; {figures.cores} cores"]))
    return "\n\n".join(parts)
