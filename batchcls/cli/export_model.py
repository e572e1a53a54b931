"""``batchcls export-model``: one self-contained IR, with what was found out about the model in it.

What was written is read back before it gets its name: an IR that would answer otherwise than the
model it was made from is refused.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from batchcls.cli.job_options import MODEL, PREPROCESSING, with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_note, print_result
from batchcls.errors import ModelError, UsageError
from batchcls.job.job import Job
from batchcls.job.paths import expanded

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Model, in any form that `run` accepts.")
]
Out = Annotated[
    str, typer.Argument(metavar="OUT.xml", help="IR to write; its .bin goes beside it.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


@with_job_options(select(MODEL, PREPROCESSING, "plugins", "debug", without=["model", "decode"]))
def export_model(file: Model, out: Out, force: Force = False, *, options: Mapping[str, Any]) -> int:
    """Write a model as one self-contained IR.

    Its preprocessing, labels and activation are inside, where model_api, DL Streamer and batchcls
    find them. The options add what the model's own files do not say.
    """
    job = Job.from_dict({"model": file, **options})
    job.check_options()
    target = expanded(out)
    if target.suffix != ".xml":
        raise UsageError(f"{out}: expected a name that ends in .xml")
    there = [path for path in (target, target.with_suffix(".bin")) if path.exists()]
    if there and not force:
        raise UsageError(f"{there[0]} exists; use `--force` to overwrite it")
    from batchcls.backends.localised import localised
    from batchcls.model.aside import aside, put
    from batchcls.model.compile import load
    from batchcls.model.devices import core
    from batchcls.model.export import export
    from batchcls.model.exported import of_export

    job = localised(job)
    before = load.load(job, core.open_core(job))
    with aside(target) as folder:
        written = export(job, folder / target.name)
        alone = of_export(job, written)
        after = load.load(alone, core.open_core(alone))
        _compare(answers(before), answers(after))
        put(written, target)
    size = target.stat().st_size + target.with_suffix(".bin").stat().st_size
    pre = before.metadata.pre.as_dict()
    print_result(f"wrote {target} and {target.with_suffix('.bin').name}, {size / 1e6:,.1f} MB")
    how = f"{pre['resize_type']} to {pre['width']}x{pre['height']}, {pre['interpolation']}"
    if pre["resize_type"] == "embedded":
        how = "images at their own size"
    print_result(
        f"inside: preprocessing ({how}), {len(before.metadata.labels):,} labels, activation\n"
        f"`batchcls run ./images --model {target}` needs no other options"
    )
    for warning in before.metadata.warnings:
        print_note(f"warning: {warning}")
    return 0


def answers(loaded: Any) -> dict[str, Any]:
    """What of a model, understood, decides its answers."""
    known = loaded.metadata
    return {
        **known.pre.as_dict(),
        "activation": known.activation.kind,
        "quantisation": (known.activation.scale, known.activation.zero),
        "labels": known.labels,
        "threshold": known.threshold,
    }


def _compare(before: dict[str, Any], after: dict[str, Any]) -> None:
    for key, value in before.items():
        if after[key] != value:
            raise ModelError(
                f"an IR cannot hold this model's {key} ({value} would become {after[key]}); "
                "leave out the option that sets it, and give it to each run instead"
            )
