"""One export: the results that are named, in the form that is named, whole or not at all."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from batchcls.errors import RefusedError, UsageError
from batchcls.export.kind import Kind
from batchcls.export.material import Choices, Material
from batchcls.export.place import appearing


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
