"""The images that tools for annotation can hold, each with its classes and a name that is its own.

Such tools know an image by its path below a folder; Datumaro's readers and CVAT's importer drop the
ending mostly, and of two images of one name keep the last without a word.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from posixpath import normpath, splitext
from typing import NamedTuple

from batchcls.report.export.files import is_remote, root, why_not_a_file
from batchcls.report.export.material import Material
from batchcls.report.reading import manifest_of, noted_labels
from batchcls.report.rows import Row

_UNSAFE = re.compile(r".*\\|(?:.*/)?(?:[A-Za-z]:|\.\.[. ]*(?:/|$))", re.DOTALL)
"""Names that `datumaro` refuses or changes: ``datumaro/components/dataset_base.py``."""

PARTS = 64
"""In which hashes are sorted, so that few are Python's objects at once."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Tagged(NamedTuple):
    """One image: its row, its name as tools have it, its classes with scores."""

    row: Row
    name: str
    tags: list[tuple[str, float]]


def why_not_a_label(label: str) -> str:
    """Why `datumaro` takes no such label; empty if it does."""
    if not label:
        return "an empty label"
    return "a label that is not Unicode" if _SURROGATE.search(label) else ""


class Tags:
    """Reads the results twice: for what can be held, then for what is written.

    A tag is the best class; of a multi-label model each of its classes is one, and what a person
    said is one of score 1.

    Args:
        material: what is exported.
        unfit: why the format cannot hold a label; empty if it can.
        endings: names keep their endings where they are compared.
        failed: failed images are held, too.

    Attributes:
        labels: numbers of all labels from 0 on: the model's in their order, then others as they
            come.
        below: the folder that the names lead from; of absolute paths, the deepest.
    """

    def __init__(
        self,
        material: Material,
        unfit: Callable[[str], str] = why_not_a_label,
        *,
        endings: bool = False,
        failed: bool = True,
    ) -> None:
        self._material, self._unfit = material, unfit
        self._endings, self._failed = endings, failed
        results = material.results[0]
        manifest = manifest_of(results.path)
        self._multiple = manifest is not None and manifest.fingerprint.get("threshold") is not None
        self._absolute: bool | None = None
        self._common: str | None = None
        self.labels: dict[str, int] = {}
        for label in noted_labels(results.path):
            if why := unfit(label):
                material.refuse_label(label, why)
            else:
                self.labels.setdefault(label, len(self.labels))
        self._twice = self._look_ahead()
        self.below = Path("/", self._common or "") if self._absolute else root(results.path)

    def __iter__(self) -> Iterator[Tagged]:
        """Each image that is meant and can be held; `Material.refuse` is told of the others."""
        twice = "another image has the same path"
        if not self._endings:
            twice = "another image has the same name but for the ending"
        for row, found, key, why in self._read():
            if why or key in self._twice:
                self._material.refuse(row, why or twice)
            else:
                yield found._replace(name=found.name.removeprefix(self._common or ""))

    def link(self, images: Path) -> None:
        """Make a link to the folder that the names lead from.

        Readers look for files below links too: where it would lead back to itself, it is an empty
        folder.
        """
        if self.below.resolve() in images.parent.resolve().parents:
            images.mkdir()
        else:
            images.symlink_to(self.below)

    def _look_ahead(self) -> set[int]:
        """Find all labels, and the hashes of names that two images have.

        Eight bytes an image; that two other names have one hash, and are refused, happens to one
        export of a million images in thirty million.
        """
        keys = [array("q") for _ in range(PARTS)]
        for _, found, key, why in self._read():
            if key is not None and not why:
                keys[key % PARTS].append(key)
                if self._absolute:
                    self._common = _shared(self._common, found.name)
                for label, _ in found.tags:
                    self.labels.setdefault(label, len(self.labels))
        return {
            key for part in keys for key, following in pairwise(sorted(part)) if key == following
        }

    def _read(self) -> Iterator[tuple[Row, Tagged, int | None, str]]:
        """Each row, what becomes of it, the hash of its name, and why it cannot be held.

        A failed image that is not held has no hash, and stands in nobody's way.
        """
        for row in self._material.rows(passes=2):
            path = row.record.path
            if self._absolute is None and not is_remote(path):
                self._absolute = path.startswith("/")
            name, tags = normpath(path).lstrip("/"), self._tags(row)
            if row.failure is not None and not self._failed:
                yield row, Tagged(row, name, []), None, ""
                continue
            stem = name if self._endings else splitext(name)[0]
            yield row, Tagged(row, name, tags), hash(stem), self._why_not(path, stem, tags)

    def _tags(self, row: Row) -> list[tuple[str, float]]:
        if row.corrected is not None:
            return [(row.corrected, 1.0)] if row.corrected else []
        classes = row.record.top if self._multiple else row.record.top[:1]
        return [(one.label, one.score) for one in classes]

    def _why_not(self, path: str, stem: str, tags: list[tuple[str, float]]) -> str:
        if is_remote(path):
            return "not a file on this machine"
        if why := why_not_a_file(path):
            return why
        if _UNSAFE.match(stem):
            return "a name with a backslash, `..` or a drive's letter, which Datumaro does not take"
        if path.startswith("/") != self._absolute:
            return "an absolute path among relative ones, or a relative one among absolute ones"
        return next(filter(None, map(self._unfit, map(itemgetter(0), tags))), "")


def _shared(common: str | None, name: str) -> str:
    """What `common`, a folder with its ``/``, and the folder of `name` have in common."""
    if common is None:
        return name[: name.rfind("/") + 1]
    while not name.startswith(common):
        common = common[: common.rfind("/", 0, -1) + 1]
    return common
