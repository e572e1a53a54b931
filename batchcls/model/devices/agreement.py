"""Decides whether a device may label: how well its answers agree with the CPU's. Pure.

Devices answer wrongly without an error: drivers, precisions and batches have each been seen to. So
before the night a device labels a sample of the user's own images, and the same model on the CPU,
in f32 and exactly, labels it too.

Rules of this file:

1. Only clear images count: those whose best score leads the second by `CLEAR` in the reference.
   What is close may go either way by rounding alone.
2. A device is refused when even the upper bound of its agreement (one-sided, 99 %, Clopper and
   Pearson's) is below what is asked for: by chance that happens to 1 good device in 100 that agrees
   exactly as often as asked for, and to better ones less.
3. With fewer than `FEW` clear images nothing can be said; the run goes on with a warning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any, Self

from batchcls.errors import DeviceError
from batchcls.job.job import Job

CLEAR = 0.05
FEW = 16
DOUBT = 0.01
IMAGES = 64
"""How many are tried, and at most a tenth of a run's."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One device beside the reference.

    Attributes:
        images: that both labelled.
        clear: of these.
        agreed: of the clear ones those with the same best class, in both passes.
        correlation: of all scores; 0 where one side's are all the same.
        worst: largest difference of a score; 1 where one is no number.
        varies: largest difference between two passes over the same images, in another order and at
            other places of the batch.
        fps: images/s of the device, one after another.
        echo: what it answered to four fixed pictures, as a hash; empty where that is not known.
        cut_short: there was no time for more images.
    """

    device: str
    images: int
    clear: int
    agreed: int
    correlation: float
    worst: float
    varies: float
    fps: float
    echo: str = ""
    cut_short: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From JSON data.

        Raises:
            TypeError: data of another shape.
        """
        return cls(**data)

    def as_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    @property
    def at_most(self) -> float:
        """The agreement that the device has at most, in percent, with 99 % confidence."""
        return 100 * upper_bound(self.agreed, self.clear)

    def fails(self, least: float) -> bool:
        """Whether it surely agrees on fewer than `least` percent of clear images."""
        return surely_below(self.agreed, self.clear, least)

    def __str__(self) -> str:
        reference = "what the CPU computes in f32" if self.device == "CPU" else "the CPU"
        return (
            f"{self.device} agrees with {reference} on {self.agreed} of {self.clear} clear images"
            f"{_rest(self)}"
        )


def surely_below(agreed: int, of: int, least: float) -> bool:
    """Whether so few agreements on clear images show a device that is below `least` percent."""
    return of >= FEW and 100 * upper_bound(agreed, of) < least


def upper_bound(agreed: int, of: int) -> float:
    """The largest share under which so few agreements are no rarer than `DOUBT`.

    Clopper and Pearson, Biometrika 26 (1934), one-sided.

    >>> round(upper_bound(52, 57), 3)
    0.976
    """
    if agreed >= of:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        share = (low + high) / 2
        at_most = sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(agreed + 1))
        low, high = (share, high) if at_most >= DOUBT else (low, share)
    return high


def unchecked(job: Job, description: Mapping[str, Any]) -> list[str]:
    """The device strings that are something else than the plain CPU, computing in f32, exactly.

    Args:
        description: a worker's.
    """
    if not job.device_check:
        return []
    precision = description.get("precision", {})
    devices = [str(one.get("used", "")) for one in description.get("devices", ())]
    exact = all(said == "f32" for said in precision.values()) and job.int8 != "fast"
    return [device for device in devices if not (exact and _plain(device))]


def _plain(device: str) -> bool:
    kind, _, names = device.rpartition(":")
    return kind in ("", "HETERO") and all(n.split(".")[0] == "CPU" for n in names.split(","))


def require(found: Sequence[Agreement], least: float, hardware: Mapping[str, Any]) -> None:
    """Refuse devices that label otherwise than the CPU.

    Args:
        found: one for each device.
        least: percent of clear images.
        hardware: a worker's, for the drivers.

    Raises:
        DeviceError: what was measured, how sure that is, and what may help, likeliest first.
    """
    failed = [one for one in found if one.fails(least)]
    if not failed:
        return
    measured = "\n".join(
        f"  {one}; with 99% confidence that is {one.at_most:.0f}% at most" for one in failed
    )
    drivers = [
        f"{name} {facts['driver']}"
        for name, facts in hardware.get("devices", {}).items()
        if "driver" in facts
    ]
    driver = f"another driver (this one is {', '.join(drivers)})" if drivers else "another driver"
    names = " and ".join(one.device for one in failed)
    raise DeviceError(
        f"{names} gives other labels than the CPU, so its labels would be wrong "
        f"({least:g}% of clear images must agree):\n{measured}\n"
        "try, in this order: `--infer-precision f32`; `--batch-size 1`; another `--device`; "
        f"{driver}. `--no-device-check` runs it as it is"
    )


def _unsteady(found: Sequence[Agreement], echoes: Mapping[str, str]) -> list[str]:
    """Devices that answered four pictures otherwise in the process that compared them."""
    return [
        one.device for one in found if one.echo and one.echo != echoes.get(one.device, one.echo)
    ]


def require_steady(found: Sequence[Agreement], echoes: Mapping[str, str]) -> None:
    """Refuse devices that were found to agree, and are no more what was compared.

    Args:
        found: one for each device.
        echoes: of a worker's devices: another process compiled the model for them.

    Raises:
        DeviceError: what was seen, and what may help.
    """
    if names := " and ".join(_unsteady(found, echoes)):
        raise DeviceError(
            f"{names} gives other answers each time the model is compiled for it: a worker and the "
            "process that compared it with the CPU heard different ones to the same four pictures, "
            "so labels would change from worker to worker and from run to run\n"
            "try, in this order: another driver; `--infer-precision f32`; another `--device`. "
            "`--mixed-processors` accepts it"
        )


def warnings(found: Sequence[Agreement], echoes: Mapping[str, str]) -> list[str]:
    """What people should know of devices that are not refused.

    Args:
        found: one for each device.
        echoes: as of `require_steady`.
    """
    changed = [
        f"{device} gives other answers each time the model is compiled for it, so its agreement "
        "with the CPU says little; lines may differ from run to run"
        for device in _unsteady(found, echoes)
    ]
    return changed + [
        f"too few images to judge {one.device}: {one.images} compared with the CPU, {one.clear} of "
        f"them clear, where {FEW} are needed"
        for one in found
        if one.clear < FEW
    ]


def _rest(one: Agreement) -> str:
    parts = ["as many as there was time for"] * one.cut_short
    parts += [f"scores differ by up to {one.worst:.2g}"] if one.worst else []
    if one.varies:
        parts.append(f"by {one.varies:.2g} between two passes")
    return f" ({', '.join(parts)})" if parts else ""
