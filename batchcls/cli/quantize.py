"""``batchcls quantize``: an INT8 model, and whether it is as good as the original."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchcls.cli.arguments import AsJson
from batchcls.cli.job_options import with_job_options
from batchcls.cli.options import MODEL, PICTURE, select
from batchcls.cli.terminal import print_json, print_note, print_result
from batchcls.errors import RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.report.columns import columns

if TYPE_CHECKING:
    from batchcls.quantize.compare import Comparison

CALIBRATION = HELD_OUT = 300
"""How many images, at most, where nobody says."""

_OPTIONS = select(
    MODEL, PICTURE, "names", "follow_links", "device", "debug", without=("model", "top", "decode")
)


@with_job_options(_OPTIONS)
def quantize(
    file: Annotated[
        str, typer.Argument(metavar="MODEL", help="The model, in floating point.")
    ],
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Images like those to come; see `run`.")
    ],
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT.xml", help="The IR to write.")
    ],
    truth: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="What images show, as for `evaluate`; default: their "
                     "folders' names."),
    ] = None,
    calibration: Annotated[
        int, typer.Option(metavar="N", help="Images to calibrate on, at most.")
    ] = CALIBRATION,
    held_out: Annotated[
        int, typer.Option(metavar="N", help="Other images to compare on, at most.")
    ] = HELD_OUT,
    max_drop: Annotated[
        float | None,
        typer.Option(metavar="X", help="Lose at most this share of the right answers; slow layers "
                     "stay as they are."),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Keep it even if it agrees with the original on less "
                     "than 99 %."),
    ] = False,
    as_json: AsJson = False,
    *,
    options: Mapping[str, Any],
) -> int:  # fmt: skip
    """Make an INT8 model, calibrated on your images, and say whether it is as good.

    Needs NNCF: pip install 'nncf>=3.2'.
    """
    job = Job.from_dict({"model": file, "sources": sources, **options})
    job.check()
    for name, value in (("--calibration", calibration), ("--held-out", held_out)):
        if value < 1:
            raise UsageError(f"{name} {value}: must be 1 or more")
    if max_drop is not None and not 0 <= max_drop <= 1:
        raise UsageError(f"--max-drop {max_drop:g}: must be a share from 0 to 1, such as 0.01")
    from batchcls.decode import limits, opencv

    limits.apply()  # before OpenCV is there
    opencv.load()
    from batchcls.quantize.quantize import quantize as make_int8
    from batchcls.report.truth import FolderTruths, read

    kept = False

    def accept(found: "Comparison") -> bool:
        nonlocal kept
        if as_json:
            print_json(found.as_dict())
        else:
            print_result(render_comparison(found))
        kept = accepted(found, yes=yes)
        return kept

    make_int8(
        job,
        Path(out),
        truths=read(truth) if truth else FolderTruths(),
        accept=accept,
        calibration=calibration,
        held_out=held_out,
        max_drop=max_drop,
        tell=print_note,
    )
    if not kept:
        raise RefusedError(
            f"{out} is not written: the INT8 model agrees with the original on less than "
            "99 % of the held-out images. Calibrate on more images (--calibration), keep "
            "its answers with --max-drop 0.01, or accept it with --yes"
        )
    print_note(f"Written: {out}")
    return 0


def accepted(found: "Comparison", *, yes: bool) -> bool:
    """Whether a result is kept: it is good, or somebody says so."""
    return found.good or yes or ask_whether_to_keep(found)


def ask_whether_to_keep(found: "Comparison") -> bool:
    """Ask the person at the terminal; nobody there is a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print_note(f"It agrees with the original on only {found.agreement:.1%}. Keep it? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def render_comparison(found: "Comparison") -> str:
    """A comparison for people."""
    rows = [("", "original", "INT8", "")]
    if found.accuracy is not None:
        one, other = found.accuracy
        known = f"right of the {found.known:,} whose truth is known"
        rows.append(("top-1", f"{one:.1%}", f"{other:.1%}", known))
    fast, faster = found.fps
    rows.append(("images/s", f"{fast:.1f}", f"{faster:.1f}", f"{faster / fast:.2f}x, inference"))
    large, small = found.mbytes
    rows.append(("MB", f"{large:.1f}", f"{small:.1f}", f"{small / large:.2f}x"))
    others = f"{found.held_out:,} others"
    if found.unusable:
        others += f", {found.unusable:,} unusable ones left out"
    parts = [
        f"Calibrated on {found.calibrated_on:,} images, compared on {others}.",
        f"Top-1 agreement with the original: {found.agreement:.1%}"
        + ("" if found.good else ", which is below 99 %"),
        columns(rows, indent=2),
    ]
    return "\n".join([*parts, *([found.note] if found.note else [])])
