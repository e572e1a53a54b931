"""The story of a bench: inference alone, preparation alone, both together, the bound."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from batchcls.backends.allocation import decide
from batchcls.backends.listing import sample
from batchcls.backends.machine import this_machine
from batchcls.bench import fast
from batchcls.bench.children import Children
from batchcls.bench.feed import Feed
from batchcls.bench.figures import Figures, Inference, Preparation, Whole, percentiles
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.running.fast_hint import suits
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

MOST_IMAGES = 200
"""To measure with, spread evenly over the sources."""
REPEATS = 3

Report = Callable[[str], None]


def bench(
    job: Job,
    number_iter: int = 0,
    seconds: float = 2.0,
    report: Report = print,
    fast_command: str = "",
) -> Figures:
    """Measure a job's parts and its whole.

    Args:
        job: model, devices, preprocessing; sources may be missing.
        number_iter: infer requests per measurement; 0 = for `seconds`.
        seconds: of each measurement.
        report: called with what is being measured.
        fast_command: the run with `--fast`, as it is typed.

    Raises:
        BatchclsError: the model, a device or a source cannot be used.
    """
    cores = this_machine().cores
    inference: list[Inference] = []
    precision: dict[str, str] = {}
    for device in job.device:
        one = replace(job, device=(device,))
        report(f"inference on {device}: one process")
        found, about = infer(one, _one_process(one), 1, number_iter, seconds)
        precision |= about["precision"]
        inference.append(found)
        if found.on_cpu and cores > 1:
            report(f"inference on {device}: {cores} single-thread processes")
            inference.append(infer(one, _per_core(one), cores, number_iter, seconds)[0])
    preparation = whole = quick = None
    if job.sources:
        images = sample(job, MOST_IMAGES)
        report(f"read, decode and preprocess: {len(images)} images")
        preparation = prepare(job, images)
        report("the whole pipeline")
        with tempfile.TemporaryDirectory(prefix="batchcls-bench-") as folder:
            log = Path(folder) / "log"
            whole = pipeline(job, images, log, seconds)
            if suits(job):
                report("what `--fast` would give")
                layout = decide(job, this_machine())
                quick = fast.measure(job, layout, images, log, seconds, fast_command)
    return Figures(cores, tuple(inference), preparation, whole, precision, quick)


def _one_process(job: Job) -> Threads:
    # More than streams: a stream must not wait for another one to be asked for its result.
    nireq = job.nireq or 2 * this_machine().cores
    return Threads(job.nthreads, job.nstreams, pin=True, nireq=nireq, batch_size=job.batch_size)


def _per_core(job: Job) -> Threads:
    return Threads(1, "1", pin=False, nireq=1, batch_size=job.batch_size)


def infer(
    job: Job, threads: Threads, processes: int, number_iter: int, seconds: float
) -> tuple[Inference, dict[str, Any]]:
    """Inference alone in so many processes: the best of some measurements."""
    order = {
        "kind": "inference",
        "start": StartMessage(job, threads).to_json(),
        "number_iter": number_iter,
        "seconds": seconds,
    }
    with closing(Children([order] * processes)) as children:
        rounds = [children.measure() for _ in range(REPEATS)]
        about = children.about[0]
    best = max(rounds, key=lambda one: sum(answer["fps"] for answer in one))
    on_cpu = all("CPU" in name for name in about["execution"])
    layout = "one process" if processes == 1 else f"{processes} single-thread processes"
    latencies: Sequence[float] = [value for answer in best for value in answer["latency"]]
    fps = sum(answer["fps"] for answer in best)
    settings = {
        "nireq": str(about["nireq"]),
        "batch": str(about["batch_size"]),
        "precision": " ".join(sorted(set(about["precision"].values()))),
    }
    return Inference(job.device[0], layout, on_cpu, fps, percentiles(latencies), settings), about


def prepare(job: Job, images: Sequence[ImageRef]) -> Preparation:
    """Preparation alone, on one core: the best of some passes."""
    order = {
        "kind": "preparation",
        "start": StartMessage(job, _per_core(replace(job, batch_size=1))).to_json(),
        **leased.to_json(images),
    }
    with closing(Children([order])) as children:
        passes = [children.measure()[0] for _ in range(REPEATS)]
    best = min(passes, key=lambda one: sum(one["ms"]))
    read, decode, preprocess = best["ms"]
    return Preparation(read, decode, preprocess, len(images), best["failed"], best["twice"])


def pipeline(job: Job, images: Sequence[ImageRef], log: Path, seconds: float) -> Whole:
    """The whole pipeline in the layout that `run` would have."""
    layout = decide(job, this_machine())
    with closing(Feed(job, layout, images, log)) as feed:
        rates = [feed.measure(0.5, seconds) for _ in range(REPEATS)]
    best = max(rates, key=lambda rate: rate.fps)
    done = max(1.0, best.images)
    return Whole(
        best.fps, asdict(layout), 1000 * best.worker_s / done, 1000 * best.coordinator_s / done
    )
