"""Device strings: what they name, and what of it this machine has. Pure.

A device string is ``NAME``, ``NAME.0``, or ``KIND:NAME,NAME(2),-NAME`` where KIND is HETERO, AUTO,
MULTI or BATCH; case does not matter. A member that the machine lacks is dropped from a list with a
warning, since that is what lists are for; a single device that is missing is an error.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batchcls.errors import DeviceError

VIRTUAL = ("HETERO", "AUTO", "MULTI", "BATCH")
REPLACED_BY = {
    "FPGA": "was discontinued after OpenVINO 2020.3; use CPU, GPU or NPU",
    "HDDL": "was discontinued after OpenVINO 2022.3; use CPU, GPU or NPU",
    "MYRIAD": "was discontinued after OpenVINO 2022.3; use CPU, GPU or NPU",
    "GNA": "was discontinued after OpenVINO 2023.3; the NPU replaces it",
}
_MEMBER = re.compile(r"(-?)([A-Z][A-Z0-9_]*(?:\.[A-Z0-9]+)*)(\([0-9]+\))?")


@dataclass(frozen=True, slots=True)
class Member:
    """One device inside a device string.

    Attributes:
        name: as OpenVINO knows it ("CPU", "GPU.1").
        suffix: number of requests or batch size, "(4)", or empty.
        excluded: written with a minus: AUTO must not use it.
    """

    name: str
    suffix: str = ""
    excluded: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.excluded else ''}{self.name}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Device:
    """A device string, taken apart.

    Attributes:
        requested: as the user wrote it.
        kind: HETERO, AUTO, MULTI, BATCH, or empty for a plain device.
        members: of the list; for a plain device that device; empty for a bare "AUTO".
        warnings: what was dropped, for people.
    """

    requested: str
    kind: str
    members: tuple[Member, ...]
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = ",".join(str(member) for member in self.members)
        return f"{self.kind}:{names}" if self.kind and names else self.kind or names

    @property
    def names(self) -> tuple[str, ...]:
        """The devices that may compute, without those excluded."""
        return tuple(member.name for member in self.members if not member.excluded)


def shares_images(device: str, hint: str) -> bool:
    """Whether OpenVINO gives each image to whichever of several devices is free.

    Args:
        device: a device string, as of a compiled model.
        hint: of the job.
    """
    kind, _, names = device.partition(":")
    cumulative = hint in ("cumulative_throughput", "ctput")
    return (kind == "MULTI" and "," in names) or (kind == "AUTO" and cumulative)


def parse(text: str) -> Device:
    """Take a device string apart.

    Raises:
        DeviceError: it is no device string.
    """
    kind, colon, rest = text.strip().upper().partition(":")
    if not colon:
        if kind == "AUTO":
            return Device(text, kind, ())
        if kind in VIRTUAL:
            example = "BATCH:GPU" if kind == "BATCH" else f"{kind}:GPU,CPU"
            raise DeviceError(f"device {text!r}: name its devices, for example {example}")
        if "," in kind:
            raise DeviceError(
                f"device {text!r}: name each device with a `--device` of its own, or split one "
                f"model over them with HETERO:{kind}"
            )
        kind, rest = "", kind
    elif kind not in VIRTUAL and rest.isdecimal():
        raise DeviceError(f"device {text!r}: a number follows a dot, for example GPU.{rest}")
    elif kind not in VIRTUAL:
        raise DeviceError(f"device {text!r}: a list starts with one of {', '.join(VIRTUAL)}")
    members = []
    for part in rest.split(","):
        match = _MEMBER.fullmatch(part.strip())
        if match is None:
            raise DeviceError(
                f"device {text!r}: {part.strip()!r} is not a device name; expected for example "
                "CPU, GPU.0 or HETERO:GPU,CPU"
            )
        members.append(Member(match[2], match[3] or "", bool(match[1])))
    return Device(text, kind, tuple(members))


def resolve(device: Device, available: Sequence[str], *, strict: bool = False) -> Device:
    """What of a device string this machine can use.

    A list of which one member is left becomes that member: HETERO over one device only costs time.

    Args:
        available: OpenVINO's names of the devices here ("CPU", "GPU.0").
        strict: any missing device is an error.

    Raises:
        DeviceError: nothing of it is there, or it is discontinued.
    """
    missing = [m.name for m in device.members if not m.excluded and not _has(m.name, available)]
    if not missing:
        return device
    if strict or not device.kind or len(missing) == len(device.names):
        raise DeviceError(_absent(device.requested, missing, available))
    kept = tuple(m for m in device.members if m.name not in missing)
    warnings = tuple(
        f"device {device.requested}: this machine has no {name}; running without it"
        + (f" ({name} {REPLACED_BY[name]})" if name in REPLACED_BY else "")
        for name in missing
    )
    single = len(kept) == 1 and device.kind != "BATCH" and not kept[0].excluded
    members = (Member(kept[0].name),) if single else kept
    return Device(device.requested, "" if single else device.kind, members, warnings)


def _has(name: str, available: Iterable[str]) -> bool:
    return any(found == name or found.startswith(name + ".") for found in available)


def _absent(requested: str, missing: Sequence[str], available: Sequence[str]) -> str:
    there = ", ".join(available) or "none"
    for name in missing:
        if name in REPLACED_BY:
            return f"device {requested}: {name} {REPLACED_BY[name]} (this machine has: {there})"
    hint = "if the hardware is there, its driver is missing"
    if not all(re.match("[GN]PU", name) for name in missing):
        hint = "OpenVINO's devices are CPU, GPU (of Intel) and NPU"
    return (
        f"device {requested}: this machine has no {' and no '.join(missing)}; it has: {there}\n"
        f"hint: {hint}; `batchcls devices` shows what OpenVINO sees"
    )
