"""A model made ready on every device of a job: the package's front door.

`Classifier` is what a worker holds: it prepares images, owns a ring of infer requests per device,
and turns raw scores into an answer.
"""

import contextlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ImageError, ModelError
from batchcls.images import Picture, Prediction
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.messages import LayerTime
from batchcls.model.compile import compiling
from batchcls.model.compile.compilation import Compilation
from batchcls.model.compile.compiled import Compiled
from batchcls.model.compile.description import describe
from batchcls.model.devices import config_file, hardware, precision, strings
from batchcls.model.devices import core as cores
from batchcls.model.files.find import model_file, model_path, model_state
from batchcls.model.infer import echo, topk, uncertainty
from batchcls.model.infer.constancy import Constancy, unlike_pictures
from batchcls.model.infer.ring import Ring
from batchcls.model.infer.selection import Selection
from batchcls.model.preprocess import spatial

ASK_S = 5.0
CLOSE_S = 5.0
SETTLE_S = 1.5
"""Less than a coordinator waits for its workers to leave."""


class Classifier:
    """One worker's model.

    Args:
        compiled: the model, for each device string of the job.
        threads: this worker's share of the machine.
        warnings: so far, for people.
        computed: what of the devices changes answers (int8, devices, precision by device), and the
            state of the model's files.
    """

    def __init__(
        self,
        job: Job,
        compiled: Compiled,
        threads: Threads,
        warnings: Sequence[str],
        computed: Mapping[str, Any],
    ) -> None:
        self._metadata = compiled.metadata
        self._selection = Selection.of(job, compiled.metadata)
        self._settle = compiled.settle
        self._hint = job.hint
        self._top = job.top or compiled.metadata.usual_top
        own_size = compiled.metadata.pre.resize_type == "embedded"
        # Each request holds a whole picture then: no more of them than the device works on.
        nireq = job.nireq or (0 if own_size else threads.nireq)
        self.rings = tuple(
            Ring(one.model, str(one.device), nireq, count_layers=job.perf_counts)
            for one in compiled.models
        )
        self._notes: list[str] = []
        self._constancy = Constancy(self._test_answers, compiled.metadata.labels)
        self.description = describe(
            job,
            model_file(model_path(job.model)),
            compiled.metadata,
            [
                {**one.as_dict(), "nireq": ring.nireq, "batch_size": ring.batch_size}
                for one, ring in zip(compiled.models, self.rings, strict=True)
            ],
            warnings,
            computed,
        )
        self.description["labels"] |= self._selection.described
        self.description["fingerprint"] |= self._selection.fingerprint

    @classmethod
    def open(cls, job: Job, threads: Threads, guess: str | None = "") -> Self:
        """Read a job's model, understand it, and compile it for every device.

        Args:
            threads: this worker's share of the machine.
            guess: the preprocessing to take where the model says none, by name; "" = the most
                usual; None = leave it to the caller where images can decide it.

        Raises:
            UndecidedError: that is left to the caller.
            ModelError: the model cannot be read, understood or compiled.
            DeviceError: a device is missing or refuses.
            LabelsError: labels that do not match the model.
            UsageError: an option that makes no sense.
        """
        path = model_file(model_path(job.model))
        files = model_state(path)
        core = cores.open_core(job)
        named = [strings.parse(text) for text in job.device]
        there = cores.needed(core, named)
        devices = [strings.resolve(one, there, strict=job.strict_devices) for one in named]
        properties = cores.properties(job, threads, cores.member_names(devices, there))
        config_file.configure_lists(core, job)
        cores.configure(core, properties)
        compiled = compiling.compile_model(
            Compilation(job, core, devices, properties, threads.batch_size, guess)
        )
        if model_state(path) != files:
            compiled.settle(SETTLE_S)  # what is being cached of it must not be left half written
            raise ModelError(f"{path} changed while it was read; run the same command again")
        models = [(one.device, one.model) for one in compiled.models]
        precisions = precision.computed(core, properties, models)
        warnings = [warning for device in devices for warning in device.warnings]
        warnings += precision.notes(properties, precisions)
        warnings += [*compiled.notes, *compiled.metadata.warnings]
        computed = {
            "int8": compiled.int8,
            "devices": [str(device) for device in devices],
            "precision": precisions,
            "files": files,
            "hardware": hardware.hardware(core, properties),
        }
        return cls(job, compiled, threads, warnings, computed)

    @property
    def needs(self) -> tuple[int, int] | None:
        """Smallest (width, height) of an upright image that preparing it does not enlarge.

        None where its own pixels are wanted whatever its size: no smaller decoding will do.
        """
        pre = self._metadata.pre
        if pre.resize_type in ("crop_only", "embedded"):
            return None
        height, width = pre.resize_to or (pre.height, pre.width)
        share = pre.crop_pct or 1.0
        return math.ceil(width / share), math.ceil(height / share)

    def prepare(
        self, image: NDArray[np.uint8] | Picture, into: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """One decoded image as the model's input; thread-safe.

        Args:
            image: (H, W, 3) BGR, or a picture.
            into: where to make it (`Ring.input_row`); None makes a new array.

        Returns:
            (height, width, channels), contiguous.
        """
        return spatial.prepare(image, self._metadata.pre, into)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """One image's raw scores as probabilities of the classes that count, (classes,).

        Raises:
            ImageError: "bad_output" where the model answered NaN or infinity.
        """
        return self._selection.probabilities(self._whole(scores))

    def _whole(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same of all classes."""
        if not _finite(scores):
            raise ImageError("bad_output", "the model answered NaN or infinity")
        return self._metadata.activation.apply(scores)

    def outcome(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        """One image's answer: its best classes, or those from a multi-label threshold on.

        Args:
            scores: (classes,) as the ring gave them.

        Raises:
            ImageError: "bad_output" where the model answered NaN or infinity.
        """
        whole = self._whole(scores)
        if not self._metadata.labels:  # features: there is nothing to rank
            return ()
        if note := self._constancy.see(whole):
            self._notes.append(note)
        values = self._selection.probabilities(whole)
        count = self._top
        if (threshold := self._metadata.threshold) is not None:
            above = int((values >= threshold).sum())
            count = min(count, above) if count else above
        indices = topk.top(values, count)
        names = self._metadata.labels
        picked = values.take(indices).tolist()
        indices = self._selection.classes(indices)
        return tuple([Prediction(i, names[i], p) for i, p in zip(indices, picked, strict=True)])

    def always(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        """Of one image's answer the classes that are written whatever their rank, by index.

        Raises:
            ImageError: as `outcome`.
        """
        if not (indices := self._selection.always):
            return ()
        picked = self._selection.of_always(self.probabilities(scores))
        names = self._metadata.labels
        return tuple([Prediction(i, names[i], p) for i, p in zip(indices, picked, strict=True)])

    def uncertainty(self, scores: NDArray[np.float32], facts: Collection[str]) -> dict[str, float]:
        """Of margin and entropy those asked for; see `batchcls.model.infer.uncertainty`."""
        known = self._metadata
        independent = known.threshold is not None or known.activation.sigmoid
        return uncertainty.uncertainty(self.probabilities(scores), facts, independent=independent)

    def lead(self, scores: NDArray[np.float32]) -> float:
        """By how much one image's answer is ahead of any other, in nats; see `uncertainty.lead`.

        Args:
            scores: (classes,) as the ring gave them.

        Raises:
            ImageError: "bad_output" where the model answered NaN or infinity.
        """
        values = self._selection.of_chosen(self._whole(scores))
        low, high = (self._logits(values, steps) for steps in (-0.5, 0.5))
        return uncertainty.lead(low, high, self._limit)

    def kept(self, first: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
        """By how much the answer to other scores of an image is ahead in these, in nats.

        Args:
            first: (classes,) as another ring gave them; their answer counts.
            exact: (classes,) of this one's.

        Returns:
            Negative where it is not the answer of both; infinite where there is only one.
        """
        both = [self._selection.of_chosen(self._whole(scores)) for scores in (first, exact)]
        here, there = map(self._logits, both)
        return uncertainty.kept(here, there, self._limit)

    def _logits(self, values: NDArray[np.float32], steps: float = 0.0) -> NDArray[np.float64]:
        return self._metadata.activation.logits(values, steps)

    @property
    def _limit(self) -> float | None:
        """The multi-label threshold as a logit."""
        if (threshold := self._metadata.threshold) is None:
            return None
        return float(self._logits(np.array([threshold], np.float32))[0])

    def listen(self, decode: Callable[[bytes], Picture]) -> None:
        """Note in the description what the devices answer to fixed pictures; see `echo`.

        Args:
            decode: from a file's bytes to a picture, as for every image of the run.
        """
        heard = echo.listen(
            self.rings,
            lambda data: self.prepare(decode(data)),
            lambda device: strings.shares_images(device, self._hint),
        )
        self.description["echo"] = heard.echoes
        self.description["warnings"] += heard.notes

    def notes(self) -> tuple[str, ...]:
        """What has come to light since the last call, for people."""
        found, self._notes = tuple(self._notes), []
        return found

    def _test_answers(self) -> list[NDArray[np.float32]]:
        """Probabilities for pictures as unlike as they can be; those that there are."""
        found = []
        inputs = [self.prepare(picture) for picture in unlike_pictures()]
        for scores in self.rings[0].ask(inputs, ASK_S) or ():
            with contextlib.suppress(ImageError):
                found.append(self._whole(scores))
        return found

    def perf_counts(self) -> list[LayerTime]:
        """Per-layer counters of all devices; empty unless the job asks for them."""
        return [row for ring in self.rings for row in ring.layer_times()]

    def settle(self) -> None:
        """Wait, in bounded time, until what was compiled is cached for later starts."""
        self._settle(SETTLE_S)

    def close(self) -> None:
        """Let running requests end, in bounded time, and release the compiled models."""
        self.settle()
        for ring in self.rings:
            ring.drain(CLOSE_S)
        self.rings = ()


def _finite(scores: NDArray[np.float32]) -> bool:
    """None of them is NaN or infinite."""
    if scores.size <= topk.FEW:
        return all(map(math.isfinite, scores.tolist()))
    return bool(np.isfinite(scores).all())
