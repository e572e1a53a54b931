"""Finds examples and their classes: folders of classes, tables, corrections of a review."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from batchcls.display.text import counted, safe
from batchcls.errors import RefusedError, SourceError, UsageError
from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.report import corrections
from batchcls.report.pictures import manifest_of
from batchcls.report.rows import shown
from batchcls.report.truth import read
from batchcls.results.rundir import RunPaths
from batchcls.sources.containers.kinds import BETWEEN, container_path
from batchcls.sources.inputs import InputsReader
from batchcls.sources.sample import Sample, sample

TABLES = (".csv", ".tsv")
_ALL = 1 << 40
_SPLITS = frozenset(
    {"train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval"}
)
"""Folders that are named so are parts of a dataset, and no classes."""


@dataclass(frozen=True, slots=True)
class Example:
    """An image of a known class.

    Attributes:
        label: of the class, as it is written where the example was found.
        corrected: a person has said so while looking at this very image.
    """

    image: ImageRef
    label: str
    corrected: bool = False


def find(
    job: Job,
    said: Sequence[str],
    images: str | None,
    notes: list[str],
    take: Sample = sample,
) -> tuple[list[Example], tuple[str, ...]]:
    """All examples, each class under one name, and the names, sorted.

    Args:
        job: its sources are folders of classes, tables or archives.
        said: files of corrections.
        images: the folder where the images of corrections are now; None = where they were.
        notes: for people; more are added.
        take: takes the images of a source.

    Raises:
        SourceError: a source cannot be listed, or there are fewer than two classes.
        UsageError: a table or corrections make no sense.
    """
    found: list[Example] = []
    for source in job.sources:
        if Path(source).suffix.lower() in TABLES:
            found += _listed(source)
        else:
            found += _in_folders(replace(job, sources=(source,)), source, notes, take)
    for file in said:
        found += _corrected(file, images, notes)
    return named_alike(found, notes)


def named_alike(
    found: Iterable[Example], notes: list[str]
) -> tuple[list[Example], tuple[str, ...]]:
    """Each class under one name: spellings that differ in case or Unicode's form are one class.

    Raises:
        SourceError: there are fewer than two classes.
    """
    found = [replace(one, label=unicodedata.normalize("NFC", one.label)) for one in found]
    spellings: dict[str, Counter[str]] = {}
    for one in found:
        spellings.setdefault(_key(one.label), Counter())[one.label] += 1
    names = {}
    for key, counts in spellings.items():
        names[key] = min(counts, key=lambda label: (-counts[label], label))
        if len(counts) > 1:
            notes.append(f"{', '.join(map(safe, sorted(counts)))} are one class, {names[key]}")
    labels = tuple(sorted(names.values()))
    if len(labels) < 2:
        there = f"only one class, {safe(labels[0])}" if labels else "no examples"
        raise SourceError(
            f"{there}; expected a folder of class folders (EXAMPLES/cat/1.jpg), a CSV file of "
            "paths and labels, or corrections, with two classes or more"
        )
    return [replace(one, label=names[_key(one.label)]) for one in found], labels


def _key(label: str) -> str:
    return unicodedata.normalize("NFC", " ".join(label.casefold().split()))


def _in_folders(job: Job, source: str, notes: list[str], take: Sample) -> Iterator[Example]:
    """An example's class is the first folder on the way to it."""
    loose, seen = 0, set()
    images = take(job, _ALL)
    tops = {_top(image.path) for image in images} - {""}
    if tops and {top.casefold() for top in tops} <= _SPLITS:
        best = min(tops, key=lambda top: (top.casefold() not in ("train", "training"), top))
        raise UsageError(
            f"{source} holds {', '.join(sorted(tops))}, which are no classes; teach from one of "
            f"them, for example {source.rstrip('/')}/{best}"
        )
    for image in images:
        label = _top(image.path)
        seen.add(label)
        if label:
            yield Example(image, shown(label))
        else:
            loose += 1
    if loose:
        notes.append(f"{counted(loose, 'image', 'images')} of {source} in no class folder left out")
    folder = expanded(source)
    empty = sorted(
        one.name
        for one in (folder.iterdir() if folder.is_dir() else ())
        if one.is_dir() and one.name not in seen and not one.name.startswith(".")
    )
    if empty:
        notes.append(f"no images in {', '.join(map(safe, empty))}, of {source}; left out")


def _top(path: str) -> str:
    """The first folder of a path, inside its container if it has one; "" where there is none."""
    if container := container_path(path):
        path = path[len(container) + len(BETWEEN) :]
    return path.partition("/")[0] if "/" in path else ""


def _listed(source: str) -> Iterator[Example]:
    """The rows of a table; paths lead from its folder."""
    file = expanded(source)
    place = Folder(str(file.absolute().parent))
    for number, (path, truth) in enumerate(read(str(file)).rows.items()):
        if str(truth):
            yield Example(ImageRef(number, path, place), str(truth))


def _corrected(file: str, images: str | None, notes: list[str]) -> Iterator[Example]:
    """What people said of a run's images, which its list says where to find."""
    path = expanded(file)
    found = corrections.read(path)
    results = path.parent
    if results.suffix != ".job":
        results = path.with_name(path.name.removesuffix(f".{corrections.NAME}"))
    manifest, inputs = manifest_of(results)
    if manifest is None or inputs is None:
        raise UsageError(
            f"{file}: the run that it corrects is not there, so nothing says where its images are; "
            f"leave it where `batchcls review` wrote it ({RunPaths.of('RESULTS').directory.name}/)"
        )
    folder = Folder(images if images is not None else manifest.root)
    unknown = 0
    with closing(InputsReader(inputs, folder, members=manifest.members)) as reader:
        for index in sorted(found):
            one = found[index]
            if not one.label:
                unknown += 1
                continue
            reader.seek(index)
            image = next(iter(reader.chunk(1)), None)
            if image is None or shown(image.path) != one.path:
                raise RefusedError(f"{file} is of other images: {one.path} is not image {index}")
            yield Example(image, one.label, corrected=True)
    if unknown:
        notes.append(
            f"{counted(unknown, 'correction', 'corrections')} of {file} left out: wrong, and "
            "nobody said what is right"
        )
