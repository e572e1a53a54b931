"""``batchcls devices``: what OpenVINO sees here, which device strings would work, and how well."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchcls.cli.arguments import AsJson
from batchcls.cli.job_options import MODEL, PREPROCESSING, with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_json, print_note, print_result
from batchcls.errors import BatchclsError, UsageError
from batchcls.job.job import Job

if TYPE_CHECKING:
    from batchcls.backends.machine import Machine
    from batchcls.bench.devices import Found

MISSING_DRIVERS = {
    "GPU": "Intel's compute runtime (Debian and Ubuntu: intel-opencl-icd)",
    "NPU": "Intel's NPU user-mode driver (intel/linux-npu-driver)",
}


OF_DEVICES = ("plugins", "plugin", "debug")

Check = Annotated[
    str | None,
    typer.Option(
        "--check",
        metavar="MODEL",
        help="Have each device label images with this model, and compare it with the CPU.",
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SOURCE...]", help="Images for `--check`. Default: drawn ones."),
]


@with_job_options(
    select(
        MODEL, PREPROCESSING, "device", "device_agreement", "batch_size", "infer_precision",
        "int8", "load_config", *OF_DEVICES, without=("model", "decode"),
    )
)  # fmt: skip
def devices(
    sources: Images = None,
    check: Check = None,
    as_json: AsJson = False,
    *,
    options: Mapping[str, Any],
) -> int:
    """Show the devices that OpenVINO sees here.

    For each device its name and capabilities, and which device strings `--device` accepts. With
    `--check MODEL`, how fast each of them labels images, and how well it agrees with the CPU.
    """
    from batchcls.model.devices import core

    if check is None and (sources or options.keys() - OF_DEVICES):
        raise UsageError("images and options of a model need one; name it with `--check MODEL`")
    opened = core.open_core(Job.from_dict({k: options[k] for k in options.keys() & OF_DEVICES}))
    names = core.available(opened)
    if check is not None:
        job = Job.from_dict({**options, "model": check, "sources": sources or ()})
        _check(job, dict.fromkeys((*names, *options.get("device", ()))), as_json=as_json)
        return 0
    from batchcls.backends.machine import this_machine

    found = [describe(opened, name) for name in names]
    strings = device_strings(names)
    if as_json:
        print_json({"devices": found, "device_strings": [string for string, _ in strings]})
    else:
        print_result(render_devices(found, strings, unseen(names, this_machine())))
    return 0


def _check(job: Job, devices: Iterable[str], *, as_json: bool) -> None:
    """Measure, and show it."""
    import tempfile
    from pathlib import Path

    from batchcls.backends.localised import localised
    from batchcls.bench.devices import measure
    from batchcls.cli.demo import draw
    from batchcls.model.devices.agreement import IMAGES
    from batchcls.model.files.imagenet import NAME

    job.check_options()
    local = localised(job)
    with tempfile.TemporaryDirectory(prefix="batchcls-devices-") as folder:
        if not job.sources:
            draw(Path(folder), IMAGES + 1, NAME)
            local = replace(local, sources=(folder,), names=("0*.jpg",))
        found = measure(local, list(devices), lambda text: print_note(f"measuring {text}"))
    if as_json:
        print_json({"checked": [_as_dict(*one, job.device_agreement) for one in found]})
    else:
        print_result(render_check(found, job.device_agreement, drawn=not job.sources))


def _as_dict(device: str, found: "Found", least: float) -> dict[str, Any]:
    if isinstance(found, BatchclsError):
        return {"device": device, "error": str(found)}
    return {**found.as_dict(), "fails": found.fails(least)}


def render_check(found: Sequence[tuple[str, "Found"]], least: float, *, drawn: bool = False) -> str:
    """How devices do beside the CPU, for people.

    Args:
        found: by device string.
        least: percent of clear images on which a device must agree with the CPU.
        drawn: the images are batchcls's own.
    """
    from batchcls.display.table import aligned
    from batchcls.model.devices.agreement import FEW

    rows = [("device", "images/s", "agrees on", "worst difference", "two passes", "")]
    notes = []
    for device, one in found:
        if isinstance(one, BatchclsError):
            rows.append((device, "-", "-", "-", "-", "cannot be measured"))
            notes.append(f"{device}: {one}")
            continue
        verdict = "gives other labels" if one.fails(least) else "agrees"
        rows.append(
            (
                device, f"{one.fps:.1f}", f"{one.agreed} of {one.clear}", f"{one.worst:.2g}",
                f"{one.varies:.2g}", verdict if one.clear >= FEW else "too few to judge",
            )
        )  # fmt: skip
    late = [device for device, one in found if not isinstance(one, BatchclsError) and one.cut_short]
    if late:
        notes.append(f"{', '.join(late)}: as many images as there was time for.")
    notes.append(
        "Compared with the CPU in f32 on clear images, whose best score leads the second by 0.05.\n"
        "Images/s are those of one request after another, without decoding."
    )
    if drawn:
        notes.append("The images were drawn; name some of yours for a judgement that counts.")
    return "\n\n".join([aligned(rows, right=(1, 2, 3, 4)), *notes])


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
