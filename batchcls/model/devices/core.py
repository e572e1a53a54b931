"""Makes OpenVINO's core ready: plugins, custom operations, properties.

Order of properties, the later one wins: batchcls's own defaults, `--load-config`, the command line.
"""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchcls.errors import DeviceError, ModelError
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.job.threads import Threads
from batchcls.model.devices import config_file
from batchcls.model.devices.strings import VIRTUAL, Device
from batchcls.model.runtime import Core, openvino

PERFORMANCE_HINTS: Mapping[str, str] = {
    "throughput": "THROUGHPUT",
    "tput": "THROUGHPUT",
    "latency": "LATENCY",
    "cumulative_throughput": "CUMULATIVE_THROUGHPUT",
    "ctput": "CUMULATIVE_THROUGHPUT",
    "none": "",
}
"""OpenVINO's word for each of `batchcls.job.choices.Hint`."""

ROUNDING = "DYNAMIC_QUANTIZATION_GROUP_SIZE"
"""Property: so many values of a layer's input share a scale when they are rounded to int8; 0: none
is rounded."""

Properties = dict[str, dict[str, Any]]
"""Device name → property → value."""


def open_core(job: Job) -> Core:
    """A core with the job's plugins and custom operations.

    Raises:
        DeviceError: a plugin cannot be registered.
        ModelError: an extension cannot be loaded.
    """
    file = _plugins_file(job.plugins)
    try:
        core = Core(str(file)) if file else Core()
    except RuntimeError as error:
        raise DeviceError(f"OpenVINO refuses the plugins file {file}: {reason(error)}") from error
    # A compiled model goes on reading weights that are mapped, and answers otherwise once somebody
    # overwrites their file: 729 of 1,000 lines of a run did.
    core.set_property({"ENABLE_MMAP": False})
    for entry in job.plugin:
        name, _, library = entry.partition("=")
        try:
            core.register_plugin(library, name.upper())
        except RuntimeError as error:
            raise DeviceError(f"cannot register plugin {entry}: {reason(error)}") from error
    for library in job.extension:
        try:
            core.add_extension(str(expanded(library)))
        except RuntimeError as error:
            raise ModelError(f"cannot load the extension {library}: {reason(error)}") from error
    return core


def _plugins_file(plugins: str | None) -> Path | None:
    if plugins is None:
        return None
    path = expanded(plugins)
    if path.is_dir():
        path = path / "plugins.xml"
    if not path.is_file():
        raise DeviceError(f"no OpenVINO plugins file at {path}")
    return path


def available(core: Core) -> list[str]:
    """The devices this machine has, as OpenVINO names them."""
    return list(core.available_devices)


def needed(core: Core, wanted: Sequence[Device]) -> list[str]:
    """Of the devices that this machine has those that can matter.

    To ask for all of them loads the drivers of all accelerators: 10 ms, and as many megabytes. The
    CPU is there.
    """
    if all(not device.kind and device.names == ("CPU",) for device in wanted):
        return ["CPU"]
    return available(core)


def properties(job: Job, threads: Threads, names: list[str]) -> Properties:
    """The properties that every device is configured with before it compiles.

    Args:
        job: hint, precision, cache, configuration file.
        threads: this worker's share of the machine.
        names: devices to configure, without indices of the virtual kinds.

    Raises:
        UsageError: `--load-config` cannot be read.
    """
    hint = PERFORMANCE_HINTS[job.hint or "throughput"]
    streams = _by_device(threads.nstreams or job.nstreams)
    precision = _by_device(job.infer_precision)
    loaded = config_file.load(job.load_config)
    found: Properties = {}
    for name in names:
        mine: dict[str, Any] = {}
        cpu = is_cpu(name)
        if cpu:
            # What the processor would choose (bf16 where it has it) differs from machine to
            # machine, and with it the scores.
            mine["INFERENCE_PRECISION_HINT"] = "f32"
            # Where weights are stored in 8 or 4 bits, the CPU plugin rounds what they are
            # multiplied with to int8, under the f32 hint too: scores move by up to 0.05. To fold
            # such weights into floats was as fast (16 ms either way) and takes more memory.
            mine[ROUNDING] = "0"
            mine["ENABLE_CPU_PINNING"] = "YES" if threads.pin else "NO"
        if hint and hint != "CUMULATIVE_THROUGHPUT":
            mine["PERFORMANCE_HINT"] = hint
        if job.perf_counts:
            mine["PERF_COUNT"] = "YES"
        share: dict[str, Any] = {}
        if (nthreads := threads.nthreads or job.nthreads) and cpu:
            share["INFERENCE_NUM_THREADS"] = str(nthreads)
        if (wanted := _for(name, streams)) is not None:
            share["NUM_STREAMS"] = wanted
        mine |= share  # what was decided
        mine |= loaded.get(name, loaded.get(name.split(".")[0], {}))
        by_hand = {"INFERENCE_NUM_THREADS": job.nthreads, "NUM_STREAMS": job.nstreams}
        mine |= {key: value for key, value in share.items() if by_hand[key]}
        if job.hint and hint:
            mine["PERFORMANCE_HINT"] = hint
        if (wanted := _for(name, precision)) is not None:
            mine["INFERENCE_PRECISION_HINT"] = wanted
        found[name] = mine
    return found


def configure(core: Core, properties: Properties) -> None:
    """Set them, each device ignoring none: an unknown property is the user's error.

    Raises:
        DeviceError: a device refuses a property.
    """
    for name, values in properties.items():
        try:
            core.set_property(name, dict(values))
        except RuntimeError as error:
            listed = ", ".join(f"{key}={value}" for key, value in values.items())
            raise DeviceError(f"device {name} refuses {listed}: {reason(error)}") from error


def is_cpu(name: str) -> bool:
    """The device is the CPU plugin's, whatever it is registered as."""
    return "CPU" in name.split(".")[0]


def only_cpus(devices: Sequence[Device]) -> bool:
    """Nothing but CPUs may compute, and it is known by name which."""
    return all(device.names and all(map(is_cpu, device.names)) for device in devices)


def _by_device(text: str) -> dict[str, str]:
    """Take "CPU:2,GPU:1" apart by device; a plain value is under the empty name."""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.rpartition(":")
        found[name] = value
    return found


def _for(name: str, values: Mapping[str, str]) -> str | None:
    for key in (name, name.split(".")[0], ""):
        if key in values:
            return values[key]
    return None


def member_names(devices: list[Device], there: list[str]) -> list[str]:
    """Every device that may compute, once; a bare AUTO may take any."""
    names: dict[str, None] = {}
    for device in devices:
        for name in device.names or there:
            names[name] = None
    return [name for name in names if name not in VIRTUAL]


def versions() -> dict[str, str]:
    """Of what computes: OpenVINO, OpenCV, NumPy."""
    import cv2
    import numpy as np

    return {"openvino": openvino.__version__, "cv2": cv2.__version__, "numpy": np.__version__}


_NOISE = re.compile(r"^(Exception from|Check '.*' failed at|To facilitate the conversion of)\b")


def reason(error: Exception) -> str:
    """What an OpenVINO error says, without the source lines of the build machine."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not _NOISE.match(line)]
    said = (telling or lines or [type(error).__name__])[-1].removeprefix("-- ")
    if "iostream error" in said:  # the C++ library keeps the number to itself
        return "the system refused to write; check the free space there"
    if said == os.strerror(errno.EAGAIN):  # of a thread that could not be started
        return f"{said}; raise the limit of processes and threads (`ulimit -u`)"
    return said
