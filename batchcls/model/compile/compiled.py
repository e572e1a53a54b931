"""A job's model once it is compiled for all of its devices, wherever it was taken from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from batchcls.model.compile.model_metadata import ModelMetadata
from batchcls.model.devices.strings import Device
from batchcls.model.runtime import CompiledModel


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """A model compiled for one device string.

    Attributes:
        model: ready to create infer requests.
        operations: operations per device, for HETERO; else empty.
    """

    device: Device
    model: CompiledModel
    operations: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Its part of the run's description."""
        return {
            "asked": self.device.requested,
            "used": str(self.device),
            "kind": self.device.kind,
            "execution": list(self.model.get_property("EXECUTION_DEVICES")),
            "operations": self.operations,
        }


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model compiled for all of its devices.

    Attributes:
        int8: how quantised layers are computed; see `batchcls.model.graph.int8.choose`.
        cacheable: the key of the cache says all that went into it.
        notes: for people, beside the warnings in the metadata.
        settle: waits until it is cached, if it is being written; at most so many seconds.
    """

    metadata: ModelMetadata
    int8: str
    models: tuple[DeviceModel, ...]
    cacheable: bool = True
    notes: tuple[str, ...] = ()
    settle: Callable[[float], object] = lambda timeout_s: None
