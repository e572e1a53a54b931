"""``batchcls inspect``: what is known about a model, and where each value was found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchcls.cli.arguments import AsJson, Truth, check_at_least
from batchcls.cli.job_options import MODEL, PREPROCESSING, with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_json, print_result
from batchcls.errors import ModelError, UsageError
from batchcls.job.choices import EMBEDDING
from batchcls.job.job import Job

if TYPE_CHECKING:
    from batchcls.model.compile.load import Loaded

DEFAULT_IMAGES = 100
"""Of a probe. With 40, chance crowned wrong normalisations of ImageNet models."""

LABELS_SHOWN = 5

Model = Annotated[
    str | None, typer.Argument(metavar="MODEL", help="Model. Default: the built-in one.")
]
Probe = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Try likely preprocessings on some of the images in this directory, and rank them.",
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        "--images",
        "-n",
        metavar="N",
        help="Images to try, at most.",
        show_default=str(DEFAULT_IMAGES),
    ),
]


@with_job_options(
    select(
        MODEL,
        PREPROCESSING,
        "device",
        "features",
        "int8",
        "load_config",
        "plugins",
        "debug",
        without=["decode"],
    )
)
def inspect(
    file: Model = None,
    as_json: AsJson = False,
    probe: Probe = None,
    truth: Truth = None,
    images: Images = None,
    *,
    options: Mapping[str, Any],
) -> int:
    """Show a model's inputs, preprocessing and labels.

    Each value is shown with where it was found. With `--probe DIR`, likely preprocessings are
    tried on your own images, and the one that fits best is shown as a command.
    """
    job = Job.from_dict({"model": file, **options})
    job.check_options()
    if probe is not None:
        from batchcls.cli.probe import probe_model

        most = DEFAULT_IMAGES if images is None else images
        check_at_least("--images", most, 1)
        return probe_model(job, probe, truth, most, as_json=as_json)
    for name, value in (("--truth", truth), ("--images", images)):
        if value is not None:
            raise UsageError(f"`{name}` needs `--probe DIR`")
    found = describe(job)
    if as_json:
        print_json(found)
    else:
        print_result(render_model(found))
    return 0


def describe(job: Job) -> dict[str, Any]:
    """Read a job's model, without compiling it: what is known about it, as JSON data.

    Raises:
        BatchclsError: the model or its labels cannot be used.
    """
    from batchcls.backends.localised import localised
    from batchcls.model.compile import load
    from batchcls.model.devices import core

    job = replace(localised(job), with_facts=(EMBEDDING,))  # else a model without classes fails
    loaded = load.load(job, core.open_core(job))
    known = loaded.metadata
    return {
        "model": str(loaded.path),
        "inputs": known.inputs,
        "outputs": known.outputs,
        "preprocess": known.pre.as_dict(),
        "activation": known.activation.kind,
        "threshold": known.threshold,
        "top": known.usual_top,
        "labels": list(known.labels),
        "features": _features(loaded, job.features),
        "origin": known.origins,
        "warnings": list(known.warnings),
    }


def _features(loaded: "Loaded", named: str | None) -> dict[str, Any]:
    """The tensor that `--with embedding` keeps, or why there is none."""
    from batchcls.model.graph import features

    try:
        found = features.find(loaded.model, loaded.scores, named)
    except ModelError as error:
        return {"none": str(error).partition("\n")[0]}
    return {"name": found.name, "shape": found.shape, "size": found.size}


def render_model(found: Mapping[str, Any]) -> str:
    """A model for people: every value with its origin."""
    origin = found["origin"]
    from batchcls.display.table import aligned
    from batchcls.model.graph.features import BEFORE_LAST

    ports = [("in", *_port(port)) for port in found["inputs"]]
    ports += [("out", *_port(port)) for port in found["outputs"]]
    settings = [
        (key, _shown(value), origin.get(key, "")) for key, value in found["preprocess"].items()
    ]
    scores = [("activation", found["activation"], origin.get("activation", ""))]
    if found["threshold"] is not None:
        scores.append(("threshold", _shown(found["threshold"]), origin.get("threshold", "")))
    scores.append(
        ("top", str(found["top"]), origin.get("top", ""))
        if found["top"]
        else ("top", "all from the threshold on", "")
    )
    labels = found["labels"]
    scores.append(("labels", _some(labels) if labels else "none", origin.get("labels", "")))
    if size := found["features"].get("size"):
        name = found["features"]["name"]
        name = name if name == BEFORE_LAST else f"the tensor {name}"
        scores.append(("features", f"{size:,} for `--with embedding`", name))
    else:
        scores.append(("features", "none", found["features"]["none"]))
    parts = [
        f"model {found['model']}",
        aligned(ports, indent=2),
        "What an image goes through:\n" + aligned([("", "value", "from"), *settings], indent=2),
        "What the scores mean:\n" + aligned(scores, indent=2),
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
