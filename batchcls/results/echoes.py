"""Compares what two machines' devices answered to four fixed pictures: their echoes. Pure.

Vector units of another width, and drivers of another version, change the last digits of scores.
Lines of two such machines are no file that one of them would have written, so a run does not go on
where its echo is another one, unless it is told to: then the manifest says from which image on.

Four pictures can prove that two machines differ, and never that they do not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from batchcls.errors import RefusedError

KEY = "echoes"
"""Of a manifest's settings: one entry for each machine that went on, in order."""

UNKNOWN = (
    "this run was begun without a record of how its processor rounds; whether this one rounds "
    "alike is not known"
)


@dataclass(frozen=True, slots=True)
class Echo:
    """What a machine answered.

    Attributes:
        index: of the first image that it labelled.
        processor: for people.
        devices: device string → hash; those have none that did not answer, or not steadily.
        names: device name → what it is, and its driver's version.
    """

    index: int = 0
    processor: str = ""
    devices: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Its entry in the manifest."""
        return asdict(self)


def heard(description: Mapping[str, Any], index: int = 0) -> Echo:
    """A worker's echo, from what it says of itself, without trust."""
    hardware = _mapping(description.get("hardware"))
    named = {name: _mapping(facts) for name, facts in _mapping(hardware.get("devices")).items()}
    return Echo(
        index,
        str(hardware.get("processor", "")),
        _texts(description.get("echo")),
        {name: " ".join(_texts(facts).values()) for name, facts in named.items()},
    )


def recorded(settings: Mapping[str, Any]) -> tuple[Echo, ...]:
    """The echoes of a manifest's settings; none where it was begun without."""
    entries = settings.get(KEY, ())
    return tuple(Echo(**entry) for entry in entries)


def others(before: Echo, now: Echo) -> list[str]:
    """The devices that answer otherwise; of what is known of one side only, nothing is said."""
    shared = (name for name in before.devices if name in now.devices)
    return [name for name in shared if before.devices[name] != now.devices[name]]


def require_same(before: Echo, now: Echo, results: str) -> None:
    """Refuse to go on with lines that this machine would have made otherwise.

    Raises:
        RefusedError: names what differs.
    """
    if not (devices := others(before, now)):
        return
    told = "".join(
        f"  {device}: was {before.devices[device]}, is {now.devices[device]}\n"
        for device in devices
    )
    where = "there" if before.processor != now.processor else "on the hardware and driver it had"
    raise RefusedError(
        f"{results}: {reason(before, now, devices)}, so scores would differ in their last digits "
        f"(echoes of four fixed pictures):\n{told}"
        f"resume it {where}, accept it with `--mixed-processors`, or start over with `--fresh`"
    )


def reason(before: Echo, now: Echo, devices: Sequence[str]) -> str:
    """Why echoes differ, as far as it can be told."""
    if before.processor != now.processor:
        return (
            f"this processor rounds differently. The run was begun on {before.processor or '?'}, "
            f"and this is {now.processor or '?'}"
        )
    changed = [
        f"{name} was {before.names.get(name, '?')} and is {now.names[name]}"
        for name in now.names
        if before.names.get(name) != now.names[name]
    ]
    why = f": {'; '.join(changed)}" if changed else ""
    return f"{' and '.join(devices)} rounds differently than when the run was begun{why}"


def seam(before: Echo, now: Echo) -> str:
    """For people: from which image on another machine goes on."""
    changed = reason(before, now, others(before, now))
    return f"from image {now.index} on, scores may differ in their last digits: {changed}"


def told(settings: Mapping[str, Any]) -> list[str]:
    """For people: which machine labelled what, and its echo."""
    lines = []
    for echo in recorded(settings):
        since = f"from image {echo.index} on " if echo.index else ""
        devices = ", ".join(f"{device} {heard}" for device, heard in echo.devices.items())
        processor = echo.processor or "an unknown processor"
        lines.append(f"labelled {since}by {processor}; echo {devices or 'none'}")
    return lines


def joined(settings: Mapping[str, Any], now: Echo) -> list[dict[str, Any]]:
    """The entries of a manifest's settings, with one more where this machine is not the last."""
    entries = list(settings.get(KEY, ()))
    last = Echo(**entries[-1]) if entries else None
    if last is None or others(last, now):
        entries.append(now.as_dict())
    return entries


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(k): v for k, v in _mapping(value).items() if isinstance(v, str)}
