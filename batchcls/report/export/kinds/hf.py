"""``--to hf``: an ImageFolder for `datasets.load_dataset("imagefolder", data_dir=OUT)`.

``train/metadata.jsonl`` has a line for each image. The images are reached by links to their
folders, which have numbers for names: `datasets` takes words like "test" and "valid" for splits,
and refuses names that lead out of the folder. A link to each image would take minutes a million.
Failed images, which nobody can decode, are in ``failed.jsonl``.
"""

import json
import posixpath
from pathlib import Path
from typing import Any

from batchcls.report.export.failed import failed_line
from batchcls.report.export.files import is_remote, root, why_not_a_file
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.rows import Row

UNREADABLE = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".nef", ".orf", ".pef", ".raf",
    ".rw2", ".srw",
})  # fmt: skip
"""Endings of what we read and Pillow, which decodes for `datasets`, does not."""


class _Links:
    """Links to folders of images: another one whenever the folder changes.

    Args:
        beside: where they are made.
        below: what relative paths lead from.
    """

    def __init__(self, beside: Path, below: Path) -> None:
        self._beside, self._below = beside, below
        self._folder: str | None = None
        self._number = 0

    def name(self, path: str) -> str:
        """What leads to the image of this path."""
        folder, name = posixpath.split(path)
        if folder != self._folder:
            self._number += 1
            self._folder = folder
            (self._beside / f"{self._number:06}").symlink_to(self._below / folder)
        return f"{self._number:06}/{name}"


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    train = out / "train"
    train.mkdir(parents=True)
    links = _Links(train, root(material.results[0].path))
    with (
        (train / "metadata.jsonl").open("w", encoding="ascii") as metadata,
        (out / "failed.jsonl").open("w", encoding="ascii") as failed,
    ):
        for row in material.rows():
            path = row.record.path
            if row.failure is not None:
                failed.write(failed_line(row))
            elif why := _why_not(path):
                material.refuse(row, why)
            else:
                known = {"file_name": links.name(path), **_about(row)}
                metadata.write(json.dumps(known) + "\n")


def _about(row: Row) -> dict[str, Any]:
    """What is known of an answered image.

    Each value has its type in every line, for `datasets` takes a column's from the first of them.
    """
    label, score = row.label, row.score
    if score is None:
        score = 0.0 if label is None else 1.0
    known = {"i": row.record.index, "path": row.record.path, "label": label or "", "score": score}
    facts = dict(row.record.extra)
    if "captured" in facts:
        # As EXIF writes it: ISO's form is a timestamp for `datasets`, but only in those parts of
        # the file where each image has one, and it then refuses the other parts.
        facts["captured"] = str(facts["captured"]).replace("-", ":", 2).replace("T", " ")
    return {**known, **facts}


def _why_not(path: str) -> str:
    if is_remote(path):
        return "not a file on this machine"
    if why := why_not_a_file(path):
        return why
    if "\\" in path:
        return "a name with a backslash, which `datasets` takes for a folder's end"
    if posixpath.splitext(path)[1].lower() in UNREADABLE:
        return "of a format that `datasets` does not read"
    return ""


KIND = Kind(write)
