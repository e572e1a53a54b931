"""A model made ready on every device of a job: the package's front door.

`Classifier` is what a worker holds: it prepares images, owns a ring of infer requests per device,
and turns raw scores into an answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from openvino import CompiledModel, Core, Model

from batchcls.errors import DeviceError, ImageError
from batchcls.images import Prediction
from batchcls.job import Job
from batchcls.model import core as ov
from batchcls.model import devices, hetero, load, saturation, spatial, topk, uncertainty
from batchcls.model.description import describe
from batchcls.model.devices import Device
from batchcls.model.layers import LayerTime
from batchcls.model.load import Loaded
from batchcls.model.ring import Ring
from batchcls.model.threads import Threads

CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model compiled for one device string.

    Attributes:
        device: as resolved.
        model: ready to make infer requests.
        operations: operations per device, for HETERO; else empty.
    """

    device: Device
    model: CompiledModel
    operations: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For the description."""
        return {
            "asked": self.device.asked,
            "used": str(self.device),
            "kind": self.device.kind,
            "execution": list(self.model.get_property("EXECUTION_DEVICES")),
            "operations": self.operations,
        }


class Classifier:
    """One worker's model.

    Args:
        job: the run.
        loaded: the model, understood.
        compiled: one for each device string of the job.
        threads: this worker's share of the machine.
        warnings: so far, for people.
        computed: what of the devices changes answers: int8, devices, precision by device.
    """

    def __init__(
        self,
        job: Job,
        loaded: Loaded,
        compiled: Sequence[Compiled],
        threads: Threads,
        warnings: Sequence[str],
        computed: Mapping[str, Any],
    ) -> None:
        self._loaded = loaded
        self._top = job.top or loaded.top
        self.rings = tuple(
            Ring(one.model, str(one.device), threads.nireq, count_layers=job.perf_counts)
            for one in compiled
        )
        self.description = describe(
            job,
            loaded,
            [
                {**one.as_dict(), "nireq": ring.nireq, "batch_size": ring.batch_size}
                for one, ring in zip(compiled, self.rings, strict=True)
            ],
            warnings,
            computed,
        )

    @classmethod
    def open(cls, job: Job, threads: Threads) -> Self:
        """Read a job's model, understand it, and compile it for every device.

        Raises:
            ModelError: the model cannot be read, understood or compiled.
            DeviceError: a device is missing or refuses.
            LabelsError: labels that do not match the model.
            UsageError: an option that makes no sense.
        """
        core = ov.open_core(job)
        there = ov.available(core)
        wanted = [
            devices.resolve(devices.parse(text), there, strict=job.strict_devices)
            for text in job.device
        ]
        configured = ov.properties(job, threads, ov.member_names(wanted, there))
        ov.configure(core, configured)
        if job.cache_dir is not None:
            core.set_property({"CACHE_DIR": job.cache_dir})
        loaded = load.load(job, core)
        warnings = [w for device in wanted for w in device.warnings] + list(loaded.warnings)
        model = load.connect(loaded, threads.batch_size)
        int8 = saturation.protect(core, model, configured)
        split = hetero.wishes(loaded.model)
        compiled = [_compile(core, model, device, split) for device in wanted]
        facts = {
            "int8": int8,
            "devices": [str(device) for device in wanted],
            "precision": {
                name: str(values.get("INFERENCE_PRECISION_HINT", "the device's"))
                for name, values in sorted(configured.items())
            },
        }
        return cls(job, loaded, compiled, threads, warnings, facts)

    @property
    def needs(self) -> tuple[int, int] | None:
        """Smallest (width, height) of an upright image that preparing it does not enlarge.

        None where its own pixels are wanted whatever its size: no smaller decoding will do.
        """
        pre = self._loaded.pre
        if pre.resize_type in ("crop_only", "embedded"):
            return None
        height, width = pre.resize_to or (pre.height, pre.width)
        return width, height

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One decoded image as the model's input; thread-safe.

        Args:
            image: (H, W, 3) BGR.

        Returns:
            (height, width, channels), contiguous.
        """
        return spatial.prepare(image, self._loaded.pre)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """One image's raw scores as probabilities, (classes,).

        Raises:
            ImageError: "bad_output" where the model answered NaN or infinity.
        """
        if not np.isfinite(scores).all():
            raise ImageError("bad_output", "the model answered NaN or infinity")
        return self._loaded.activation.apply(scores)

    def outcome(self, scores: NDArray[np.float32]) -> tuple[Prediction, ...]:
        """One image's answer: its best classes, or every class above a multi-label threshold.

        Args:
            scores: (classes,) as the ring gave them.

        Raises:
            ImageError: "bad_output" where the model answered NaN or infinity.
        """
        values = self.probabilities(scores)
        indices = topk.top(values, self._top)
        if (threshold := self._loaded.threshold) is not None:
            indices = topk.top(values, int((values >= threshold).sum()))
        labels = self._loaded.labels
        return tuple(Prediction(i, labels[i], float(values[i])) for i in indices)

    def uncertainty(self, scores: NDArray[np.float32], facts: Collection[str]) -> dict[str, float]:
        """Of margin and entropy those asked for; see `batchcls.model.uncertainty`."""
        loaded = self._loaded
        independent = loaded.threshold is not None or loaded.activation.sigmoid
        return uncertainty.uncertainty(self.probabilities(scores), facts, independent=independent)

    def perf_counts(self) -> list[LayerTime]:
        """Per-layer counters of all devices; empty unless the job asks for them."""
        return [row for ring in self.rings for row in ring.layer_times()]

    def close(self) -> None:
        """Let running requests end, in bounded time, and release the compiled models."""
        for ring in self.rings:
            ring.drain(CLOSE_S)
        self.rings = ()


def _compile(core: Core, model: Model, device: Device, wishes: Mapping[str, str]) -> Compiled:
    try:
        if device.kind == "HETERO":
            model = hetero.split(core, model, device, wishes)
        operations = hetero.operations(model)
        return Compiled(device, core.compile_model(model, str(device)), operations)
    except RuntimeError as error:
        raise DeviceError(
            f"device {device.asked} cannot compile the model: {ov.reason(error)}"
        ) from error
