"""Where inference time goes: per-layer counters, summed over requests."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class LayerTime:
    """One layer's time, summed over all infer requests.

    Attributes:
        device: the device string whose ring ran it.
        name: the layer's.
        type: operation ("Convolution").
        exec_type: the primitive that was chosen, with its precision ("brgconv_avx512_f32").
        status: "executed", "not_run" or "optimized_out".
        real_ms: wall time, milliseconds.
        cpu_ms: processor time, milliseconds.
        count: infer requests summed.
    """

    device: str
    name: str
    type: str
    exec_type: str
    status: str
    real_ms: float = 0.0
    cpu_ms: float = 0.0
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LayerTime":
        """The reverse of `as_dict`."""
        return cls(**data)


class LayerTimes:
    """Adds up one device's counters.

    Args:
        device: the device string, as the rows name it.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._rows: dict[str, LayerTime] = {}

    def add(self, profile: Iterable[Any]) -> None:
        """Add one request's `profiling_info`."""
        for layer in profile:
            row = self._rows.get(layer.node_name)
            if row is None:
                status = layer.status.name.lower()
                row = LayerTime(
                    self._device, layer.node_name, layer.node_type, layer.exec_type, status
                )
                self._rows[layer.node_name] = row
            row.real_ms += layer.real_time.total_seconds() * 1000
            row.cpu_ms += layer.cpu_time.total_seconds() * 1000
            row.count += 1

    def rows(self) -> list[LayerTime]:
        """In the order of execution."""
        return list(self._rows.values())
