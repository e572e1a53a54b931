"""Decides whether a machine's workers give the lines that the run's others give. Pure."""

from collections.abc import Mapping
from typing import Any

from batchcls.results import echoes
from batchcls.results.echoes import Echo


class Likeness:
    """What the first worker of a run made of the model, and what its echo was.

    Args:
        known: the echo that lines of an earlier session have; None if there are none.
        mixed: processors that round differently are allowed.

    Attributes:
        described: a worker has been heard.
    """

    def __init__(self, known: Echo | None, *, mixed: bool) -> None:
        self._known = known
        self._mixed = mixed
        self._first: Mapping[str, Any] = {}
        self._files: dict[int, Any] = {}

    @property
    def described(self) -> bool:
        """A worker has been heard that fits."""
        return bool(self._first)

    def objection(self, machine: int, description: Mapping[str, Any]) -> str:
        """Why a worker's lines would be others; "" if they would not.

        Args:
            machine: its number.
            description: what the worker says of itself.
        """
        now = echoes.heard(description)
        known = self._known or echoes.heard(self._first)
        if not self._mixed and (devices := echoes.others(known, now)):
            return (
                f"{echoes.reason(known, now, devices)}; accept it with `--mixed-processors`, or "
                "leave that machine out"
            )
        fingerprint = description.get("fingerprint")
        first = self._first.get("fingerprint", fingerprint)
        if fingerprint != first:
            return f"it made something else of the model: {', '.join(_others(first, fingerprint))}"
        model = description.get("model")
        files = model.get("files") if isinstance(model, Mapping) else None
        if self._files.setdefault(machine, files) != files:
            return "a file of the model changed there during the run"
        self._first = self._first or description
        return ""

    def told(self, description: Mapping[str, Any]) -> Mapping[str, Any]:
        """A worker's description as one of any other machine's that fits would be.

        When the model's files were written differs between machines; `objection` has compared them
        on each.
        """
        model = description.get("model")
        same = {"model": {**model, "files": []}} if isinstance(model, Mapping) else {}
        return {**description, **same}


def _others(first: Any, now: Any) -> list[str]:
    if not isinstance(first, Mapping) or not isinstance(now, Mapping):
        return ["?"]
    keys = [*first, *(key for key in now if key not in first)]
    return [str(key)[:80] for key in keys if first.get(key) != now.get(key)][:8]
