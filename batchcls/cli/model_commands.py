"""The commands about devices and models: their arguments and help, as `commands` registers them."""

from typing import Any

import typer

from batchcls.cli.action import Action
from batchcls.cli.options import MODEL, OPTIONS, PICTURE, PROBE, RESULTS
from batchcls.cli.signature import argument, given, option, with_options
from batchcls.errors import UsageError
from batchcls.job.job import Job

_PROBE = "Try preprocessings on a spread of the images below it, and rank them."
_TRUTH = "CSV: file,index,label or file,label. Default: the name of an image's folder."
_OF_MODELS = [
    o
    for o in OPTIONS
    if (o.section in (MODEL, PICTURE) and o.field not in ("model", "decode"))
    or o.field in ("plugins", "debug")
]
_OF_INSPECT = ("model", "device", "load_config", "int8")
JSON = option("json", bool, "--json", show="", text="For machines.", section=RESULTS)


@with_options(JSON, options=[o for o in OPTIONS if o.field in ("plugins", "plugin", "debug")])
def devices_command(context: typer.Context, **_: Any) -> Action:
    """Show what OpenVINO sees here: devices, what they can do, which device strings would work."""
    options = given(context)
    as_json = options.pop("json", False)

    def do() -> int:
        from batchcls.cli.devices import devices

        return devices(Job.from_dict(options), as_json=as_json)

    return Action(do, options.get("debug", False))


@with_options(
    argument("file", str, show="MODEL", text="A model; default: the built-in one."),
    JSON,
    option("probe", str, "--probe", show="DIR", text=_PROBE, section=PROBE),
    option("truth", str, "--truth", show="FILE", text=_TRUTH, section=PROBE),
    option("images", int, "--images", "-n", show="N", text="At most so many. [40]", section=PROBE),
    options=[*_OF_MODELS, *(o for o in OPTIONS if o.field in _OF_INSPECT)],
)
def inspect_command(context: typer.Context, **_: Any) -> Action:
    """Show what a model takes, gives and wants done to images, each with where it came from.

    With --probe: try the plausible preprocessings on images of yours, and say which fits.
    """
    options = given(context)
    as_json, file = options.pop("json", False), options.pop("file", None)
    own = {key: options.pop(key, None) for key in ("probe", "truth", "images")}

    def do() -> int:
        from batchcls.cli.inspect import inspect
        from batchcls.cli.probe import inspect_probe

        job = Job.from_dict({"model": file, **options})
        job.check_options()
        if own["probe"] is None:
            for key in ("truth", "images"):
                if own[key] is not None:
                    raise UsageError(f"--{key} is of --probe: name a directory of images with it")
            return inspect(job, as_json=as_json)
        return inspect_probe(job, own["probe"], own["truth"], own["images"], as_json=as_json)

    return Action(do, options.get("debug", False))


@with_options(
    argument("file", str, show="MODEL", text="A model, in any form that `run` takes."),
    argument("out", str, show="OUT.xml", text="What to write; its .bin goes beside it."),
    option("force", bool, "--force", show="", text="Write over what is there.", section=RESULTS),
    options=_OF_MODELS,
)
def export_command(context: typer.Context, **_: Any) -> Action:
    """Write a model as one self-contained IR, with its preprocessing, labels and activation in it.

    model_api, DL Streamer and batchcls read it. The options say what the model's files do not.
    """
    options = given(context)
    file, out = options.pop("file", None), options.pop("out", None)
    force = options.pop("force", False)

    def do() -> int:
        from batchcls.cli.export_model import export_model

        if out is None:
            raise UsageError("a model, and the .xml to write, are wanted")
        job = Job.from_dict({"model": file, **options})
        job.check_options()
        return export_model(job, out, force=force)

    return Action(do, options.get("debug", False))
