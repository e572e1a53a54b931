"""On what a run is computed, for its manifest: processor, runtime, devices and their drivers."""

import contextlib
from collections.abc import Iterable
from typing import Any

from batchcls.model.devices import cpu
from batchcls.model.runtime import Core, openvino

_TOLD = {"name": "FULL_DEVICE_NAME", "driver": "DRIVER_VERSION"}


def hardware(core: Core, names: Iterable[str]) -> dict[str, Any]:
    """What is known of it, as JSON data.

    Args:
        names: devices that may compute, without virtual ones.
    """
    return {
        "processor": cpu.title(),
        "runtime": openvino.get_version(),
        "devices": {name: _device(core, name) for name in names},
    }


def _device(core: Core, name: str) -> dict[str, str]:
    found = {}
    for key, prop in _TOLD.items():
        with contextlib.suppress(RuntimeError):  # a CPU has no driver
            found[key] = str(core.get_property(name, prop))
    return found
