"""What bench measured, the bound that follows from it, and where the bottleneck is. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from batchcls.running.fast_choice import PAYS


@dataclass(frozen=True, slots=True)
class Inference:
    """Inference alone, its inputs already in place.

    Attributes:
        layout: what ran: "one process, throughput" or "N single-thread processes".
        on_cpu: the cores that decode are the ones that compute.
        fps: images per second, all processes together.
        latency_ms: percentile ("p50", "p95", "p99", "max") → milliseconds of a request.
        settings: "nireq" and "batch" of each process, "precision", as they came out.
    """

    device: str
    layout: str
    on_cpu: bool
    fps: float
    latency_ms: dict[str, float]
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preparation:
    """One core's time per image before inference, milliseconds.

    Attributes:
        read: from the file system (its cache, after the first pass).
        decode: bytes to pixels.
        preprocess: pixels to the model's input.
        images: how many different ones were measured.
        failed: how many of those could not be prepared.
        twice: how many of those were decoded again in full; None without `--decode reduced`.
    """

    read: float
    decode: float
    preprocess: float
    images: int
    failed: int
    twice: int | None = None

    @property
    def total(self) -> float:
        """Milliseconds of one core."""
        return self.read + self.decode + self.preprocess


@dataclass(frozen=True, slots=True)
class Whole:
    """The pipeline as `run` has it, once it runs evenly.

    Attributes:
        layout: the numbers it ran with.
        worker_ms: processor time of the workers per image.
        coordinator_ms: processor time of this process per image.
    """

    fps: float
    layout: dict[str, Any]
    worker_ms: float
    coordinator_ms: float


@dataclass(frozen=True, slots=True)
class Fast:
    """What `--fast` would give on these images.

    Attributes:
        words: what its trial found, or why it is left out.
        times: how many times as fast the whole pipeline is with it; 0 where it is left out.
        fps: of the whole pipeline with it, once it runs evenly.
        measured: by the trial, as a plan has it.
        command: the run with it, as it is typed.
    """

    words: str
    times: float = 0.0
    fps: float = 0.0
    measured: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""

    @property
    def pays(self) -> bool:
        """It is worth while, in the whole pipeline too."""
        return self.times >= PAYS

    @property
    def advice(self) -> str:
        """A sentence, and the line to type below it."""
        same, tested = (int(self.measured[key]) for key in ("same", "tested"))
        share = math.floor(1000 * self.measured["at_least"]) / 10
        return (
            f"`--fast` is {self.times:.2f} times as fast here, measured: {self.fps:.1f} images/s, "
            f"with the same best class on {same:,} of {tested:,} images (at least {share:g}%):\n"
            f"    {self.command}"
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a bench.

    Attributes:
        inference: per device and layout.
        preparation: None without images.
        whole: None without images.
        precision: of inference, by device, as the job sets it.
        fast: what `--fast` would give; None where it was not measured.
    """

    cores: int
    inference: tuple[Inference, ...]
    preparation: Preparation | None
    whole: Whole | None
    precision: dict[str, str]
    fast: Fast | None = None

    @property
    def limit(self) -> float | None:
        """Images per second that the parts allow (`bound`); None without images."""
        if self.preparation is None:
            return None
        return bound(self.cores, self.preparation.total / 1000, self.inference)

    def as_dict(self) -> dict[str, Any]:
        """JSON data, the bound, the ratio to it and the advice included."""
        limit = self.limit
        ratio = self.whole.fps / limit if self.whole and limit else None
        return {**asdict(self), "bound": limit, "ratio": ratio, "advice": advice(self)}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 (nearest rank) and max, in milliseconds; empty of nothing."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000
        for name, share in ranks.items()
    }


def bound(cores: int, prepare_s: float, inference: Sequence[Inference]) -> float:
    """The most images per second that full preparation and this inference allow.

    On CPU it is ``cores / (prepare_s + cores / fps)``: every image takes both from the same cores.
    Accelerators infer without taking cores, up to their own rate; what the cores can prepare
    beyond that, they infer themselves, where the CPU is among the devices.

    Args:
        prepare_s: seconds of one core for reading, decoding and preprocessing an image.
        inference: measured rates; of each device the best layout counts.
    """
    best: dict[tuple[str, bool], float] = {}
    for one in inference:
        key = (one.device, one.on_cpu)
        best[key] = max(best.get(key, 0.0), one.fps)
    aside = sum(fps for (_, on_cpu), fps in best.items() if not on_cpu)
    on_cores = max((fps for (_, on_cpu), fps in best.items() if on_cpu), default=0.0)
    if prepare_s > 0 and cores / prepare_s <= aside:
        return cores / prepare_s
    if not on_cores:
        return aside
    return aside + (cores - aside * prepare_s) / (prepare_s + cores / on_cores)


def shares(figures: Figures) -> dict[str, float]:
    """Share of the cores' time per image: read, decode, preprocess, infer; empty without images."""
    found = figures.preparation
    if found is None:
        return {}
    times = {"read": found.read, "decode": found.decode, "preprocess": found.preprocess}
    on_cpu = [one.fps for one in figures.inference if one.on_cpu and one.fps]
    if on_cpu:
        times["infer"] = figures.cores / max(on_cpu) * 1000
    total = sum(times.values()) or 1.0
    return {stage: value / total for stage, value in times.items()}


_HELPS = {
    "read": "use faster storage, or `--decode-threads 2` or more, so that reading overlaps",
    "decode": "use `--decode reduced` if the images are much larger than the model's input",
    "preprocess": "use `--interpolation linear` if the model allows it (it changes answers)",
    "infer": "use `batchcls quantize` (INT8), `--int8 fast` if the model is quantised already, "
    "`--infer-precision bf16` if the processor supports it (all three change answers a little), "
    "or a smaller model",
}
_HELPS_REDUCED = "it is reduced already, so use smaller files or more cores"
ENOUGH = 0.93
"""Share of the bound below which another layout may help; measurements differ by a few percent."""


def advice(figures: Figures) -> list[str]:
    """What the bottleneck is, and which option would help, a sentence each."""
    found = shares(figures)
    if not found:
        return ["only inference was measured; name a SOURCE to measure the rest too"]
    stage = max(found, key=lambda name: found[name])
    reduced = figures.preparation is not None and figures.preparation.twice is not None
    helps = _HELPS_REDUCED if reduced and stage == "decode" else _HELPS[stage]
    sentences = [figures.fast.advice] if figures.fast and figures.fast.pays else []
    sentences += [f"the bottleneck is {stage}: {found[stage]:.0%} of the cores' time; {helps}"]
    limit = figures.limit
    aside = sum(one.fps for one in figures.inference if not one.on_cpu)
    if aside and limit and limit <= aside * 1.01 and stage != "infer":
        more = "" if reduced else ", or use `--decode reduced`"
        sentences.append(f"the accelerator waits for images; raise `--decode-threads`{more}")
    if figures.whole is not None and limit and figures.whole.fps < ENOUGH * limit:
        sentences.append(
            f"the pipeline reaches {figures.whole.fps / limit:.0%} of the bound; "
            "`batchcls tune` may find faster settings"
        )
    return sentences
