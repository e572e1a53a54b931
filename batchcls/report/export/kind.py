"""What a kind of export is: its name, what it makes of which choices, and how it is written."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from batchcls.errors import UsageError

if TYPE_CHECKING:
    from batchcls.report.export.material import Material
    from batchcls.report.export.steps import Steps

KINDS = (
    "csv", "parquet", "arrow", "sqlite", "label-studio", "cvat", "coco", "datumaro", "hf",
    "megadetector", "folders", "xmp",
)  # fmt: skip
"""As they are typed; each is the `KIND` of the module of its name in `kinds`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One form of export.

    Attributes:
        write: writes all of it to a name that is free: a file, or a folder that it makes. Where
            the kind cannot hold an image, it calls `Material.refuse` and goes on.
        takes: the fields of `Choices` that mean something to it.
        several: it takes several results of the same images.
        steps: what it then does to files outside of what it wrote, if anything.
    """

    write: "Callable[[Material, Path], None]"
    takes: frozenset[str] = frozenset()
    several: bool = False
    steps: "Steps | None" = None


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in KINDS:
        raise UsageError(f"--to {name}: expected {', '.join(KINDS)}")
    found: Kind = import_module(f"batchcls.report.export.kinds.{name.replace('-', '_')}").KIND
    return found
