"""One export: the results that are named, in the form that is named, whole or not at all."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from batchcls.errors import RefusedError, UsageError
from batchcls.report.export import steps
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Choices, Material
from batchcls.report.export.place import appearing


def check(name: str, kind: Kind, choices: Choices, results: Sequence[object]) -> None:
    """Refuse what means nothing to a kind.

    Raises:
        UsageError: an option, or several results.
    """
    plain = Choices()
    for one in fields(Choices):
        given = getattr(choices, one.name) != getattr(plain, one.name)
        if given and one.name not in kind.takes:
            raise UsageError(f"--{one.name.replace('_', '-')} means nothing to `--to {name}`")
    if len(results) > 1 and not kind.several:
        raise UsageError(f"`--to {name}` takes one results file")


def export(name: str, kind: Kind, material: Material, out: Path, *, leave_out: bool) -> None:
    """Write an export.

    Args:
        name: of the kind.
        leave_out: write what the kind can hold, where it cannot hold everything.

    Raises:
        RefusedError: a line is no record; or the kind cannot hold all of it, and nothing is left
            out.
        UsageError: `out` exists.
        StoppedError: the disk is full or fails.
    """
    with appearing(out) as aside:
        kind.write(material, aside)
        if material.refused and not leave_out:
            raise RefusedError(
                f"{name} cannot hold all of these results, so {out} was not written\n"
                f"{material.refused}\nhint: `--leave-out` writes the others"
            )
    if kind.steps is not None:
        steps.carry_out(kind.steps, out)


def went_on(kind: Kind, out: Path) -> int:
    """Complete an export whose steps were cut short; how many images it has, 0 if it is none.

    Raises:
        RefusedError, StoppedError, UsageError: see `steps`.
    """
    if kind.steps is None or not steps.unfinished(kind.steps, out):
        return 0
    return steps.carry_out(kind.steps, out)


def undo(name: str, kind: Kind, out: Path) -> int:
    """Take back an export, as far as it went; how many images it had.

    Raises:
        UsageError: the kind needs none, or `out` is no export.
        RefusedError, StoppedError: see `steps`.
    """
    if kind.steps is None:
        raise UsageError(f"--undo means nothing to `--to {name}`; remove {out}")
    return steps.take_back(kind.steps, out)
