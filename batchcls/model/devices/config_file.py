"""Reads `--load-config`, OpenVINO's properties by device, and refuses what is misspelt in it."""

import json
from collections.abc import Mapping
from typing import Any

from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.model.devices.strings import VIRTUAL
from batchcls.model.runtime import Core

_DEVICES = frozenset({"CPU", "GPU", "NPU", "TEMPLATE"})
"""OpenVINO's, whether this machine has them or not."""


def load(path: str | None) -> dict[str, dict[str, Any]]:
    """The file's sections, by device; none where there is no file.

    What benchmark_app writes as DEVICE_PROPERTIES of a list of devices becomes sections of theirs,
    which is what OpenVINO makes of it; a section of a device's own comes before.

    Raises:
        UsageError: it cannot be read, or is no such file.
    """
    if path is None:
        return {}
    try:
        loaded = json.loads(expanded(path).read_text())
    except OSError as error:
        raise UsageError(f"--load-config {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--load-config {path} is not valid JSON: {error}") from error
    if not isinstance(loaded, dict) or not all(isinstance(v, dict) for v in loaded.values()):
        raise UsageError(f'--load-config {path}: expected {{"CPU": {{"PROPERTY": "value"}}}}')
    sections = {name.upper(): dict(values) for name, values in loaded.items()}
    for name in [name for name in sections if name.split(".")[0] in VIRTUAL]:
        within = sections[name].pop("DEVICE_PROPERTIES", {})
        if not isinstance(within, dict) or not all(isinstance(v, dict) for v in within.values()):
            raise UsageError(
                f"--load-config {path}: {name}: DEVICE_PROPERTIES: "
                'expected {"CPU": {"PROPERTY": "value"}}'
            )
        for device, values in within.items():
            sections[device.upper()] = values | sections.get(device.upper(), {})
    return sections


def configure_lists(core: Core, job: Job) -> None:
    """Set what `--load-config` says of AUTO, HETERO, MULTI and BATCH themselves.

    OpenVINO takes any property for these, and any section for a device that it does not know: what
    is misspelt would go without a word.

    Raises:
        UsageError: a section of no device, or a property that its device does not have.
    """
    if any(device.upper().startswith("AUTO") for device in job.device):
        # Until an accelerator has compiled its model, AUTO would let the CPU answer, whose last
        # digits are others.
        core.set_property("AUTO", {"ENABLE_STARTUP_FALLBACK": "NO"})
    config = load(job.load_config)
    own = {entry.partition("=")[0].upper() for entry in job.plugin}
    for name, values in config.items():
        device = name.split(".")[0]
        if device in VIRTUAL:
            _configure_list(core, name, values, f"--load-config {job.load_config}")
        elif device == "CPU" and name != device:
            raise UsageError(
                f"--load-config {job.load_config}: {name}: CPUs have no numbers; write CPU"
            )
        elif device not in _DEVICES | own and name not in core.available_devices:
            known = ", ".join(sorted(_DEVICES | own | set(VIRTUAL)))
            raise UsageError(
                f"--load-config {job.load_config}: no device is called {name}; "
                f"expected one of {known}"
            )


def _configure_list(core: Core, name: str, values: Mapping[str, Any], where: str) -> None:
    try:
        supported = set(core.get_property(name, "SUPPORTED_PROPERTIES"))
    except RuntimeError as error:
        raise UsageError(f"{where}: {name}: {_last(error)}") from error
    for key in values:
        if key not in supported:
            raise UsageError(
                f"{where}: {name} has no property {key}; it has: {', '.join(sorted(supported))}"
            )
    try:
        core.set_property(name, dict(values))
    except RuntimeError as error:
        raise UsageError(f"{where}: {name} refuses a value: {_last(error)}") from error


def _last(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
