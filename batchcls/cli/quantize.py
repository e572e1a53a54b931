"""``batchcls quantize``: an INT8 model, and whether it is as good as the original."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchcls.cli.arguments import AsJson, Truth, check_at_least
from batchcls.cli.job_options import MODEL, PREPROCESSING, with_job_options
from batchcls.cli.options import select
from batchcls.cli.terminal import print_json, print_note, print_result
from batchcls.display.table import aligned
from batchcls.display.text import counted
from batchcls.errors import RefusedError, UsageError
from batchcls.job.job import Job

if TYPE_CHECKING:
    from batchcls.quantize.compare import Comparison

CALIBRATION = HELD_OUT = 300
"""Images at most, by default."""

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model, in floating point.")]
Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE...", help="Images like those to be labelled; see `run`."),
]
Output = Annotated[str, typer.Option("-o", "--output", metavar="OUT.xml", help="IR to write.")]
Calibration = Annotated[int, typer.Option(metavar="N", help="Images to calibrate on, at most.")]
HeldOut = Annotated[int, typer.Option(metavar="N", help="Other images to compare on, at most.")]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Share of right answers that may be lost; layers that cost more stay in floating "
        "point.",
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="Write it even if it agrees with the original on less than 99%, or if the "
        "preprocessing is a guess.",
    ),
]


@with_job_options(
    select(
        MODEL,
        PREPROCESSING,
        "names",
        "follow_links",
        "device",
        "debug",
        without=["model", "top", "decode"],
    )
)
def quantize(
    file: Model,
    sources: Sources,
    out: Output,
    truth: Truth = None,
    calibration: Calibration = CALIBRATION,
    held_out: HeldOut = HELD_OUT,
    max_drop: MaxDrop = None,
    yes: Yes = False,
    as_json: AsJson = False,
    *,
    options: Mapping[str, Any],
) -> int:
    """Make an INT8 model and compare it with the original.

    It is calibrated on your images, and written only if it agrees with the original and is faster,
    or if you accept it. Needs NNCF: pip install 'nncf>=3.2'.
    """
    job = Job.from_dict({"model": file, "sources": sources, **options})
    job.check()
    check_at_least("--calibration", calibration, 1)
    check_at_least("--held-out", held_out, 1)
    if max_drop is not None and not 0 <= max_drop <= 1:
        raise UsageError(f"--max-drop {max_drop:g}: expected a share from 0 to 1, for example 0.01")
    from batchcls.decode import limits, opencv

    limits.apply()  # before OpenCV is there
    opencv.load()
    from batchcls.backends.listing import sample
    from batchcls.backends.localised import with_built
    from batchcls.quantize.quantize import quantize as make_int8
    from batchcls.report.truth import FolderTruths, read

    written, doubts = False, ""

    def accept(found: "Comparison") -> bool:
        nonlocal written, doubts
        if as_json:
            print_json(found.as_dict())
        else:
            print_result(render_comparison(found))
        written, doubts = accepted(found, yes=yes), " and ".join(found.doubts)
        return written

    make_int8(
        with_built(job),
        Path(out),
        truths=read(truth) if truth else FolderTruths(),
        accept=accept,
        calibration=calibration,
        held_out=held_out,
        max_drop=max_drop,
        guess_allowed=yes,
        tell=print_note,
        sample=sample,
    )
    if not written:
        raise RefusedError(
            f"{out} was not written: the INT8 model {doubts}\nhint: for closer answers, calibrate "
            "on more images (`--calibration N`) or limit the loss (`--max-drop 0.01`); `--yes` "
            "keeps it as it is"
        )
    print_note(f"wrote {out}")
    return 0


def accepted(found: "Comparison", *, yes: bool) -> bool:
    """Whether the INT8 model is to be written: it is good, or the user wants it."""
    return found.good or yes or ask_whether_to_keep(found)


def ask_whether_to_keep(found: "Comparison") -> bool:
    """Ask the person at the terminal; where nobody can answer, the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print_note(f"The INT8 model {' and '.join(found.doubts)}. Keep it? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def render_comparison(found: "Comparison") -> str:
    """A comparison for people."""
    rows = [("", "original", "INT8", "")]
    if found.accuracy is not None:
        one, other = found.accuracy
        known = f"of {counted(found.known, 'image', 'images')} with a known class"
        rows.append(("top-1", f"{one:.1%}", f"{other:.1%}", known))
    fast, faster = found.fps
    gain = f"{faster / fast:.2f}x, inference" + ("" if found.is_faster else ": no gain")
    rows.append(("images/s", f"{fast:.1f}", f"{faster:.1f}", gain))
    large, small = found.mbytes
    rows.append(("MB", f"{large:.1f}", f"{small:.1f}", f"{small / large:.2f}x"))
    images = counted(found.calibrated_on, "image", "images")
    compared = f"Calibrated on {images}, compared on {counted(found.held_out, 'other', 'others')}"
    if found.unusable:
        compared += f"; {found.unusable:,} more could not be used"
    parts = [
        compared,
        f"Top-1 agreement with the original: {found.agreement:.1%}"
        + ("" if found.agrees else ", below 99%"),
        aligned(rows, indent=2),
    ]
    return "\n".join([*parts, *([found.note] if found.note else [])])
