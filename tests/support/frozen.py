"""Lists of images as a run freezes them, and the images in them."""

from contextlib import closing
from pathlib import Path

from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsList, InputsReader


def frozen(folder: Path, *sources: str, **options: object) -> tuple[InputsList, Path]:
    """The list of a job with these sources, and where it is."""
    inputs = folder / "job" / "inputs"
    inputs.parent.mkdir(exist_ok=True)
    return freeze(Job(sources=sources, **options), inputs), inputs  # type: ignore[arg-type]


def images(found: tuple[InputsList, Path]) -> list[ImageRef]:
    """Every image of a list."""
    listed, path = found
    with closing(InputsReader(path, listed.root, members=listed.members)) as reader:
        return [*reader]
