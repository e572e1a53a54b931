"""``batchcls devices``: what OpenVINO sees here, and which device strings would work."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batchcls.cli.arguments import AsJson
from batchcls.cli.job_options import with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_json, print_result
from batchcls.job.job import Job

if TYPE_CHECKING:
    from batchcls.running.machine import Machine

MISSING_DRIVERS = {
    "GPU": "Intel's compute runtime (Debian and Ubuntu: intel-opencl-icd)",
    "NPU": "Intel's NPU user-mode driver (intel/linux-npu-driver)",
}


@with_job_options(select("plugins", "plugin", "debug"))
def devices(as_json: AsJson = False, *, options: Mapping[str, Any]) -> int:
    """Show the devices that OpenVINO sees here.

    For each device its name and capabilities, and which device strings `--device` accepts.
    """
    from batchcls.model.devices import core
    from batchcls.running.machine import this_machine

    opened = core.open_core(Job.from_dict(options))
    names = core.available(opened)
    found = [describe(opened, name) for name in names]
    strings = device_strings(names)
    if as_json:
        print_json({"devices": found, "device_strings": [string for string, _ in strings]})
    else:
        print_result(render_devices(found, strings, unseen(names, this_machine())))
    return 0


def describe(core: Any, name: str) -> dict[str, Any]:
    """The properties of one device that OpenVINO can name, as JSON data."""
    known: dict[str, Any] = {"name": name}
    for key, prop in (
        ("full_name", "FULL_DEVICE_NAME"),
        ("capabilities", "OPTIMIZATION_CAPABILITIES"),
        ("streams", "RANGE_FOR_STREAMS"),
        ("architecture", "DEVICE_ARCHITECTURE"),
    ):
        try:
            value = core.get_property(name, prop)
        except RuntimeError:
            continue
        known[key] = value if isinstance(value, str) else [*value]
    return known


def device_strings(names: Sequence[str]) -> list[tuple[str, str]]:
    """Device strings that work where these devices are, and what each is for.

    >>> [string for string, _ in device_strings(["CPU", "GPU"])]
    ['CPU', 'GPU', '--device GPU --device CPU', 'AUTO', 'HETERO:GPU,CPU']
    """
    found = [(name, "only this device") for name in names]
    # Accelerators first: what they cannot run falls back to the device behind them.
    ordered = sorted(names, key=lambda name: (name.startswith("CPU"), name))
    if len(names) > 1:
        found.append(
            (" ".join(f"--device {name}" for name in ordered), "all at once, on different images")
        )
    found.append(("AUTO", "OpenVINO chooses"))
    if len(names) > 1:
        found.append(("HETERO:" + ",".join(ordered), "one model split over them, with fallback"))
    else:
        found.append(
            (f"HETERO:GPU,{names[0] if names else 'CPU'}", "only what this machine has of them")
        )
    return found


def unseen(names: Sequence[str], machine: "Machine") -> list[str]:
    """Hardware whose kernel driver is there while OpenVINO does not see it, with the way out."""
    return [
        f"This machine seems to have a {kind} that OpenVINO does not see. Install "
        f"{MISSING_DRIVERS[kind]}, and make sure that you may open its device file."
        for kind in sorted(machine.accelerators)
        if kind in MISSING_DRIVERS and not any(name.startswith(kind) for name in names)
    ]


def render_devices(
    found: Sequence[Mapping[str, Any]], strings: Sequence[tuple[str, str]], hints: Sequence[str]
) -> str:
    """The devices for people."""
    if not found:
        return "OpenVINO sees no device here"
    from batchcls.display.table import aligned

    rows = [("device", "full name", "capabilities")]
    rows += [
        (device["name"], device.get("full_name", "-"), " ".join(device.get("capabilities", ["-"])))
        for device in found
    ]
    used = [(s if s.startswith("--") else f"--device {s}", use) for s, use in strings]
    return "\n\n".join(
        [aligned(rows), "Accepted by `--device`:\n" + aligned(used, indent=2), *hints]
    )
