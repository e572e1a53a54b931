"""Finds out which preprocessing fits a model: tries the plausible ones on real images, ranks them.

With truths the ranking is by accuracy. Without, by decisiveness, the information in bits that an
answer carries about its image: the entropy of the mean answer less the mean entropy of the answers.
Confidence alone would crown inputs so wrong that every image gets the same class with certainty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import DeviceError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.compile import load
from batchcls.model.compile.load import Loaded
from batchcls.model.devices import core as cores
from batchcls.model.devices import strings
from batchcls.model.graph import edits, int8
from batchcls.model.metadata.timm import IMAGENET_MEAN_255, IMAGENET_STD_255
from batchcls.model.preprocess import spatial
from batchcls.model.preprocess.preprocess import Preprocess, resolve
from batchcls.model.preprocess.settings import Settings
from batchcls.model.runtime import CompiledModel, Core

Image = NDArray[np.uint8]

_RGB_CAFFE = (123.0, 117.0, 104.0)
NORMALISATIONS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "none": ((), ()),
    "0..1": ((), (255.0, 255.0, 255.0)),
    "-1..1": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "ImageNet": (IMAGENET_MEAN_255, IMAGENET_STD_255),
    "Caffe": (_RGB_CAFFE, ()),
}
"""(mean, scale) in RGB order."""

RESIZES = (
    Settings(resize_type="standard", interpolation="linear"),
    Settings(resize_type="shortest_edge", interpolation="pillow_bilinear"),
    Settings(resize_type="centre_fraction", interpolation="linear"),
)
NOW = "current settings"


@dataclass(frozen=True, slots=True)
class Trial:
    """One preprocessing, tried.

    Attributes:
        name: for people.
        options: names and values of the job's options that choose it; empty for `NOW`.
        confidence: mean score of the best class.
        bits: information that an answer carries about its image; see the module.
        accuracy: share of images whose truth is the best class; None without truths.
        int8: how quantised layers were computed, as `batchcls.model.graph.int8.choose` says.
        milliseconds: per image, inference alone.
    """

    name: str
    options: dict[str, Any]
    confidence: float
    bits: float
    accuracy: float | None
    int8: str
    milliseconds: float


def probe(
    job: Job,
    images: Sequence[Image],
    truths: Sequence[int | None] | None = None,
    threads: Threads | None = None,
) -> list[Trial]:
    """Try the plausible preprocessings on these images, best first.

    Args:
        job: model, labels, device; its own preprocessing is one of the trials.
        images: decoded, (H, W, 3) BGR; a few dozen, of different classes.
        truths: class index of each image, None where it is unknown; None = of none is it known.
        threads: what the inference may use; None = the whole machine.

    Raises:
        BatchclsError: the model cannot be loaded, as `Classifier.open`.
    """
    core = cores.open_core(job)
    there = cores.available(core)
    device = strings.resolve(strings.parse(job.device[0]), there, strict=job.strict_devices)
    properties = cores.properties(job, threads or Threads(), cores.member_names([device], there))
    cores.configure(core, properties)
    loaded = load.load(job, core)
    pre = loaded.metadata.pre
    edits.set_shape(loaded.model, loaded.image, loaded.scores, pre.height, pre.width, 1)
    bench = _Bench(core, str(device), loaded, images, truths or [None] * len(images))
    as_read = loaded.model.clone()
    bench.int8, _ = int8.choose(core, loaded.model, properties, job.int8)
    trials = [bench.run(NOW, pre, {})]
    if pre.resize_type != "embedded":
        trials += [bench.run(*guess) for guess in _guesses(loaded)]
    ranked = sorted(trials, key=_rank, reverse=True)
    other = "fast" if bench.int8 == "exact" else "exact"
    how, _ = int8.choose(core, as_read, properties, other)
    if how != bench.int8:
        ranked.insert(1, bench.again(ranked[0], replace(loaded, model=as_read), how))
    return ranked


def _rank(trial: Trial) -> tuple[float, float]:
    return (-1.0 if trial.accuracy is None else trial.accuracy, trial.bits)


def _guesses(loaded: Loaded) -> Iterator[tuple[str, Preprocess, dict[str, Any]]]:
    """(name, preprocessing, the job's options that choose it) of every plausible combination."""
    image, now = loaded.image, loaded.metadata.pre
    floating = image.element_type in ("f32", "f16", "bf16")
    for name, (mean, scale) in NORMALISATIONS.items():
        if not floating and name != "none":
            continue  # a quantised input has its normalisation in its quantisation
        for rgb in (True, False) if image.channels == 3 else (False,):
            for resize in RESIZES:
                settings = replace(
                    resize,
                    reverse_input_channels=rgb,
                    mean_values=_fit(mean, rgb, image.channels),
                    scale_values=_fit(scale, rgb, image.channels),
                )
                pre = resolve(settings, now.height, now.width, image.channels)
                options: dict[str, Any] = {
                    "reverse_input_channels": rgb,
                    "resize_type": pre.resize_type,
                    "interpolation": pre.interpolation,
                }
                if floating:
                    options["mean_values"] = _text(pre.mean_values)
                    options["scale_values"] = _text(pre.scale_values)
                yield f"{'RGB' if rgb else 'BGR'}, {name}, {pre.resize_type}", pre, options


def _fit(values: tuple[float, ...], rgb: bool, channels: int) -> tuple[float, ...]:
    ordered = values if rgb else values[::-1]
    return ordered if channels == 3 else ordered[:1]


def _text(values: tuple[float, ...]) -> str:
    return "[" + ",".join(f"{value:g}" for value in values) + "]"


class _Bench:
    """Runs one preprocessing after the other over the same images."""

    def __init__(
        self,
        core: Core,
        device: str,
        loaded: Loaded,
        images: Sequence[Image],
        truths: Sequence[int | None],
    ) -> None:
        self._core, self._device, self._loaded = core, device, loaded
        self._images, self._truths = images, truths
        self._compiled: dict[tuple[Any, ...], CompiledModel] = {}
        self._pres: dict[str, Preprocess] = {}
        self.int8 = "none"

    def run(self, name: str, pre: Preprocess, options: dict[str, Any]) -> Trial:
        """One trial."""
        self._pres[name] = pre
        compiled = self._model(pre)
        spent, rows = 0.0, []
        for image in self._images:
            tensor = spatial.prepare(image, pre)[None]
            started = perf_counter()
            raw = compiled(tensor)[0]
            spent += perf_counter() - started
            rows.append(self._loaded.metadata.activation.apply(np.array(raw[0], np.float32)))
        scores = np.stack(rows).astype(np.float64)
        best = scores.argmax(axis=1)
        known = [(int(b), t) for b, t in zip(best, self._truths, strict=True) if t is not None]
        return Trial(
            name=name,
            options=options,
            confidence=float(scores.max(axis=1).mean()),
            bits=information(scores),
            accuracy=sum(b == t for b, t in known) / len(known) if known else None,
            int8=self.int8,
            milliseconds=1000 * spent / len(self._images),
        )

    def again(self, best: Trial, loaded: Loaded, how: str) -> Trial:
        """The best trial once more, quantised layers computed another way: what it costs or gains.

        Args:
            best: one that was run.
            loaded: the model, its weights as that way wants them.
            how: for `Trial.int8`; the core is set for it already.
        """
        self._compiled.clear()
        self._loaded, self.int8 = loaded, how
        return self.run(best.name, self._pres[best.name], best.options)

    def _model(self, pre: Preprocess) -> CompiledModel:
        key = (pre.mean_values, pre.scale_values, pre.intensity)
        if key not in self._compiled:
            loaded = self._loaded
            model = edits.connect(loaded.model, loaded.image, loaded.scores, pre)
            try:
                self._compiled[key] = self._core.compile_model(model, self._device)
            except RuntimeError as error:
                raise DeviceError(f"device {self._device}: {cores.reason(error)}") from error
        return self._compiled[key]


def information(scores: NDArray[np.float64]) -> float:
    """Mutual information of image and class, bits.

    Args:
        scores: (images, classes), not negative; each row is made to add up to 1.
    """
    rows = np.clip(scores, 0.0, None)
    rows = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12)
    return float(_entropy(rows.mean(axis=0)) - _entropy(rows).mean())


def _entropy(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.where(rows > 0, np.log2(np.where(rows > 0, rows, 1.0)), 0.0)
    entropy: NDArray[np.float64] = -(rows * logs).sum(axis=-1)
    return entropy
