"""``batchcls inspect``: what a model is, what images go through before it, and who says so."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.cli.terminal import say, say_json
from batchcls.job.job import Job
from batchcls.model.files.find import localised
from batchcls.report.columns import columns

LABELS_SHOWN = 5


def inspect(job: Job, *, as_json: bool) -> int:
    """Read a model, without compiling it, and print what is known about it.

    Args:
        job: model, labels, preprocessing, extensions.
        as_json: for machines.

    Raises:
        BatchclsError: the model or its labels cannot be used.
    """
    from batchcls.model.compile import load
    from batchcls.model.devices import core

    job = localised(job)
    loaded = load.load(job, core.open_core(job))
    found = {
        "model": str(loaded.path),
        "inputs": loaded.inputs,
        "outputs": loaded.outputs,
        "preprocess": loaded.pre.as_dict(),
        "activation": loaded.activation.kind,
        "threshold": loaded.threshold,
        "top": loaded.top,
        "labels": list(loaded.labels),
        "origin": loaded.origins,
        "warnings": list(loaded.warnings),
    }
    if as_json:
        say_json(found)
    else:
        say(words(found))
    return 0


def words(found: Mapping[str, Any]) -> str:
    """A model for people: every value with its origin."""
    origin = found["origin"]
    ports = [("in", *_port(port)) for port in found["inputs"]]
    ports += [("out", *_port(port)) for port in found["outputs"]]
    settings = [
        (key, _shown(value), origin.get(key, "")) for key, value in found["preprocess"].items()
    ]
    scores = [("activation", found["activation"], origin.get("activation", ""))]
    if found["threshold"] is not None:
        scores.append(("threshold", _shown(found["threshold"]), origin.get("threshold", "")))
    scores.append(("top", str(found["top"]), origin.get("top", "")))
    labels = found["labels"]
    scores.append(("labels", _some(labels), origin.get("labels", "")))
    parts = [
        f"model {found['model']}",
        columns(ports, indent=2),
        "What an image goes through:\n" + columns([("", "value", "from"), *settings], indent=2),
        "What the scores mean:\n" + columns(scores, indent=2),
    ]
    return "\n\n".join([*parts, *(f"warning: {text}" for text in found["warnings"])])


def _port(port: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_shown(value) for value in port.values())


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_shown, value)) or "-"
    if isinstance(value, float):
        return f"{value:g}"
    return "-" if value is None else str(value)


def _some(labels: Sequence[str]) -> str:
    first = ", ".join(label.split(",")[0] for label in labels[:LABELS_SHOWN])
    more = ", …" if len(labels) > LABELS_SHOWN else ""
    return f"{len(labels):,}: {first}{more}"
