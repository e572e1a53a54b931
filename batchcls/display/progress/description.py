"""Reads what a worker says about its devices (``WorkerReady.description``), without trust. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

DEVICES_PER_WORKER = 16


def used_devices(description: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each device string that a worker compiled the model for, with the facts about it.

    ``devices`` is a list of objects: "used" (the device string after missing members were
    dropped), "nireq", "operations" (by device, for HETERO) and more.
    """
    devices = description.get("devices") if isinstance(description, Mapping) else None
    if not isinstance(devices, list | tuple):
        return
    for device in devices[:DEVICES_PER_WORKER]:
        if isinstance(device, Mapping) and isinstance(device.get("used"), str):
            yield device["used"], device


def nireq_of(description: object) -> dict[str, int]:
    """Infer requests by device string; a device that is used twice has both its rings'."""
    nireq: dict[str, int] = {}
    for device, facts in used_devices(description):
        requests = facts.get("nireq")
        nireq[device] = nireq.get(device, 0) + (requests if isinstance(requests, int) else 0)
    return nireq


def operations_of(description: object) -> dict[str, dict[str, int]]:
    """Operations of the model by the device that runs them, for each device string."""
    return {
        device: {str(part): n for part, n in split.items() if isinstance(n, int)}
        for device, facts in used_devices(description)
        if isinstance(split := facts.get("operations"), Mapping) and split
    }


def agreed_of(description: object) -> tuple[str, ...]:
    """How well each device agrees with the CPU, in a sentence."""
    found = description.get("agreed") if isinstance(description, Mapping) else None
    texts = found if isinstance(found, list | tuple) else ()
    return tuple(text for text in texts if isinstance(text, str))[:DEVICES_PER_WORKER]


def precision_of(description: object) -> dict[str, str]:
    """In which precision each device computes, by its name."""
    found = description.get("precision") if isinstance(description, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    texts = {str(name): said for name, said in found.items() if isinstance(said, str)}
    return dict(list(texts.items())[:DEVICES_PER_WORKER])
