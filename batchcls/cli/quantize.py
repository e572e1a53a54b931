"""``batchcls quantize``: an INT8 model, and whether it is as good as the original."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchcls.cli.terminal import complain, say, say_json
from batchcls.decode import limits
from batchcls.decode.opencv import load as load_opencv
from batchcls.errors import RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.report import truth
from batchcls.report.columns import columns

if TYPE_CHECKING:  # it imports OpenCV, whose limits come first
    from batchcls.quantize.compare import Comparison

OWN = ("file", "out", "truth", "calibration", "held_out", "max_drop", "yes", "json")
"""Parameters that are no fields of a job."""


def quantize(options: dict[str, Any]) -> int:
    """Quantise a job's model, compare it with the original, print that, and keep it if it is good.

    Args:
        options: as given on the command line: the command's own, and those of the job.

    Raises:
        BatchclsError: it cannot be done, or the result was not accepted.
    """
    own = {name: options.pop(name, None) for name in OWN}
    if not (own["file"] and own["out"]):
        raise UsageError(f"{'--output OUT.xml' if own['file'] else 'MODEL'} is missing")
    calibration, held_out, max_drop = own["calibration"], own["held_out"], own["max_drop"]
    job = Job.from_dict({**options, "model": own["file"]})
    job.check()
    for name, value in (("--calibration", calibration), ("--held-out", held_out)):
        if value is not None and value < 1:
            raise UsageError(f"{name} {value}: must be 1 or more")
    if max_drop is not None and not 0 <= max_drop <= 1:
        raise UsageError(f"--max-drop {max_drop:g}: must be a share from 0 to 1, such as 0.01")
    limits.apply()
    load_opencv()
    from batchcls.quantize import quantize as story

    kept = False

    def accept(found: "Comparison") -> bool:
        nonlocal kept
        say_json(found.as_dict()) if own["json"] else say(words(found))
        kept = keep(found, yes=bool(own["yes"]))
        return kept

    story.quantize(
        job,
        Path(own["out"]),
        truths=truth.read(own["truth"]) if own["truth"] else truth.FolderTruths(),
        accept=accept,
        calibration=calibration or story.CALIBRATION,
        held_out=held_out or story.HELD_OUT,
        max_drop=max_drop,
        tell=complain,
    )
    if not kept:
        raise RefusedError(
            f"{own['out']} is not written: the INT8 model agrees with the original on less than "
            "99 % of the held-out images. Calibrate on more images (--calibration), keep "
            "its answers with --max-drop 0.01, or accept it with --yes"
        )
    complain(f"Written: {own['out']}")
    return 0


def keep(found: "Comparison", *, yes: bool) -> bool:
    """Whether a result shall stay: it is good, or somebody says so."""
    return found.good or yes or asked(found)


def asked(found: "Comparison") -> bool:
    """Ask the person at the terminal; nobody there is a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    complain(f"It agrees with the original on only {found.agreement:.1%}. Keep it? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def words(found: "Comparison") -> str:
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
