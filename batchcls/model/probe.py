"""Finds out which preprocessing fits a model: tries the plausible ones on real images.

What is plausible is for `metadata.guesses` to say, what the answers are worth for `ranking`. Of
those that cannot be told apart, what the model's files and the job say is preferred, then what is
usual.
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
from batchcls.model.metadata import guesses
from batchcls.model.metadata.guesses import Kind
from batchcls.model.metadata.metadata import kind_of
from batchcls.model.preprocess import spatial
from batchcls.model.preprocess.preprocess import Preprocess, resolve
from batchcls.model.preprocess.settings import Settings
from batchcls.model.ranking import Draws, Worth, level
from batchcls.model.runtime import CompiledModel, Core

Image = NDArray[np.uint8]

NOW = "current settings"


@dataclass(frozen=True, slots=True)
class Way:
    """One preprocessing to try.

    Attributes:
        pre: the same resolved.
        options: names and values of the job's options that choose it; empty for `NOW`.
        place: where channel order and numbers stand among the plausible ones, and the resize; less
            is more usual.
    """

    name: str
    pre: Preprocess
    options: dict[str, Any]
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One preprocessing, tried.

    Attributes:
        confidence: mean score of the best class.
        worth: of its answers.
        int8: how quantised layers were computed, as `batchcls.model.graph.int8.choose` says.
        milliseconds: per image, inference alone.
        level: it cannot be told from the best one on these images.
    """

    way: Way
    confidence: float
    worth: Worth
    int8: str
    milliseconds: float
    level: bool = False


def probe(
    job: Job,
    images: Sequence[Image],
    truths: Sequence[int | None] | None = None,
    threads: Threads | None = None,
) -> list[Trial]:
    """Try the plausible preprocessings on these images: the one to take first, then the best.

    Channel order and numbers are tried with the usual resize, the other resizes then with those
    that cannot be told from the best.

    Args:
        job: model, labels, device; its own preprocessing is one of the trials.
        images: decoded, (H, W, 3) BGR; a hundred or more, of different classes.
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
    pre, kind = loaded.metadata.pre, kind_of(loaded.model, loaded.path, loaded.image)
    edits.set_shape(loaded.model, loaded.image, loaded.scores, pre.height, pre.width, 1)
    bench = _Bench(core, str(device), loaded, images, truths or [None] * len(images))
    as_read = loaded.model.clone()
    bench.int8, _ = int8.choose(core, loaded.model, properties, job.int8)
    trials = [bench.run(Way(NOW, pre, {}))]
    if pre.resize_type != "embedded":
        trials += [bench.run(way) for way in _orders_and_numbers(pre, kind)]
        _, close = level([trial.worth for trial in trials])
        trials += [bench.run(way) for n in close for way in _resized(trials[n].way, kind)]
    ranked = _ranked(trials)
    other = "fast" if bench.int8 == "exact" else "exact"
    how, _ = int8.choose(core, as_read, properties, other)
    if how != bench.int8:
        ranked.insert(1, bench.again(ranked[0], replace(loaded, model=as_read), how))
    return ranked


def _ranked(trials: Sequence[Trial]) -> list[Trial]:
    order, close = level([trial.worth for trial in trials])
    chosen = min(close, key=lambda n: trials[n].way.place)
    rest = (replace(trials[n], level=n in close) for n in order if n != chosen)
    return [replace(trials[chosen], level=True), *rest]


def _orders_and_numbers(now: Preprocess, kind: Kind) -> Iterator[Way]:
    """All channel orders and numbers but those of the present settings, the most usual first."""
    resize = guesses.resizes(kind)[0]
    for place, candidate in enumerate(guesses.thinkable(kind), 1):
        pre = _with_resize(replace(now, **_numbers(candidate.settings, now)), resize)
        if _same_numbers(pre, now):
            continue
        options: dict[str, Any] = {}
        if candidate.rgb is not None:
            options["reverse_input_channels"] = candidate.rgb
        if kind.floating:
            options["mean_values"] = _text(pre.mean_values)
            options["scale_values"] = _text(pre.scale_values)
        options |= _resize_options(pre)
        yield Way(f"{candidate.name}, {pre.resize_type}", pre, options, (place, 0))


def _resized(way: Way, kind: Kind) -> Iterator[Way]:
    """The same order and numbers with the plausible resizes that it does not have already."""
    for place, resize in enumerate(guesses.resizes(kind), 1):
        pre = _with_resize(way.pre, resize)
        if pre == way.pre:
            continue
        name = way.name if way.name == NOW else way.name.rpartition(", ")[0]
        yield Way(
            f"{name}, {pre.resize_type}",
            pre,
            way.options | _resize_options(pre),
            (way.place[0], place),
        )


def _numbers(wanted: Settings, now: Preprocess) -> dict[str, Any]:
    pre = resolve(wanted, now.height, now.width, now.channels)
    return {name: getattr(pre, name) for name in _NUMBERS}


_NUMBERS = ("reverse_input_channels", "mean_values", "scale_values", "intensity")
_RESIZE = ("resize_type", "resize_to", "crop_pct", "crop_rounding", "interpolation")


def _same_numbers(one: Preprocess, other: Preprocess) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _NUMBERS)


def _with_resize(pre: Preprocess, resize: Settings) -> Preprocess:
    wanted = resolve(resize, pre.height, pre.width, pre.channels)
    return replace(pre, **{name: getattr(wanted, name) for name in _RESIZE})


def _resize_options(pre: Preprocess) -> dict[str, Any]:
    return {"resize_type": pre.resize_type, "interpolation": pre.interpolation}


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
        self._draws = Draws(len(images))
        self.int8 = "none"

    def run(self, way: Way) -> Trial:
        """One trial."""
        compiled = self._model(way.pre)
        spent, rows = 0.0, []
        for image in self._images:
            tensor = spatial.prepare(image, way.pre)[None]
            started = perf_counter()
            raw = compiled(tensor)[0]
            spent += perf_counter() - started
            rows.append(self._loaded.metadata.activation.apply(np.array(raw[0], np.float32)))
        scores = np.stack(rows).astype(np.float64)
        best = scores.argmax(axis=1)
        right = [
            None if truth is None else bool(one == truth)
            for one, truth in zip(best, self._truths, strict=True)
        ]
        return Trial(
            way=way,
            confidence=float(scores.max(axis=1).mean()),
            worth=self._draws.worth(scores, right),
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
        return self.run(best.way)

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
