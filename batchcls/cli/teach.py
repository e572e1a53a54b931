"""``batchcls teach``: a model of your own classes, from examples."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchcls.cli.arguments import AsJson
from batchcls.cli.job_options import MODEL, PREPROCESSING, with_job_options
from batchcls.cli.options import select
from batchcls.cli.report import Images
from batchcls.cli.terminal import print_json, print_note, print_result
from batchcls.display.table import aligned
from batchcls.display.text import counted, safe
from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.model.files.imagenet import NAME

if TYPE_CHECKING:
    from batchcls.teach.estimate import Estimate, Share

Examples = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[EXAMPLES...]",
        help="Folder with a folder of images for each class, or CSV file (path,label).",
    ),
]
Output = Annotated[str, typer.Option("-o", "--output", metavar="OUT.xml", help="IR to write.")]
Model = Annotated[
    str,
    typer.Option(
        "-m", "--model", metavar="FILE", help="Model whose features are used; see `run`. [imagenet]"
    ),
]
Corrections = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE", help="Corrections of `batchcls review`, as more examples; repeatable."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


@with_job_options(
    select(
        MODEL,
        PREPROCESSING,
        "names",
        "exclude",
        "raw",
        "follow_links",
        "device",
        "debug",
        without=["model", "top", "decode", "activation", "multilabel", "threshold"],
    )
)
def teach(
    out: Output,
    examples: Examples = None,
    model: Model = NAME,
    corrections: Corrections = None,
    images: Images = None,
    force: Force = False,
    as_json: AsJson = False,
    *,
    options: Mapping[str, Any],
) -> int:
    """Teach a model your own classes, from examples.

    It writes one IR for `run`, and says how often its answers are right, judged on examples that
    were held back. Needs scikit-learn: pip install 'scikit-learn>=1.6'.
    """
    job = Job.from_dict({"model": model, "sources": examples or [], **options})
    if not examples and not corrections:
        raise UsageError("name a folder of examples, a CSV file, or `--corrections FILE`")
    job.check_options()
    target = expanded(out)
    there = [path for path in (target, target.with_suffix(".bin")) if path.exists()]
    if there and not force:
        raise UsageError(f"{there[0]} exists; use `--force` to overwrite it")
    from batchcls.backends.listing import sample
    from batchcls.backends.localised import localised
    from batchcls.running.run import run
    from batchcls.teach.teach import teach as make

    known = make(localised(job), target, corrections or (), images, print_note, sample, run=run)
    if as_json:
        print_json(known.as_dict())
    else:
        print_result(render(known))
    print_note(f"wrote {target} and {target.with_suffix('.bin').name}")
    return 0


def render(known: "Estimate") -> str:
    """An estimate for people: the worst classes first."""
    rows = [("class", "examples", "distinct", "right", "at 95%")]
    ordered = sorted(known.classes.items(), key=lambda one: (one[1].right / one[1].examples, one))
    rows += [(safe(label), *_cells(share)) for label, share in ordered]
    rows.append(("all", *_cells(known.overall)))
    lines = [aligned(rows, right=(1, 2, 3), most=40)]
    if not known.judged:
        lines.append("warning: all examples look alike, so these shares are too good")
    if known.few:
        few = ", ".join(map(safe, known.few[:10])) + (" …" if len(known.few) > 10 else "")
        lines.append(f"too few examples to rely on (20 or more are good): {few}")
    images = counted(known.overall.examples, "image", "images")
    return "\n".join([f"Right answers on examples held back, of {images}:", *lines])


def _cells(share: "Share") -> tuple[str, str, str, str]:
    low, high = share.interval
    right = share.right / max(1, share.examples)
    return (
        f"{share.examples:,}",
        f"{share.distinct:,}",
        f"{right:.1%}",
        f"{low:.0%} to {high:.0%}",
    )
