"""Where inference time goes: per-layer counters, summed over requests."""

from collections.abc import Iterable
from typing import Any

from batchcls.messages import LayerTime


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
