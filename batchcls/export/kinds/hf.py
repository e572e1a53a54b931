"""``--to hf``: an ImageFolder for `datasets.load_dataset("imagefolder", data_dir=OUT)`.

``train/metadata.jsonl`` has a line for each image, which lies beside it as a link whose name is its
number: names of the images' own could clash, lead out of the folder, or be taken for splits
("test", "valid"). Failed images, which nobody can decode, are in ``failed.jsonl``.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from batchcls.export.files import is_remote, root, why_not_a_file
from batchcls.export.kind import Kind
from batchcls.export.material import Material
from batchcls.report.rows import Row, shown

IN_A_FOLDER = 1000
"""Links in a folder."""

ENDINGS = frozenset({
    ".apng", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx",
    ".png", ".tif", ".tiff", ".webp",
})  # fmt: skip
"""Those that `datasets` takes for images (``imagefolder.py``: ``IMAGE_EXTENSIONS``), of the formats
that we read. AVIF and HEIC are not among them."""


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    below = root(material.results[0].path)
    train = out / "train"
    train.mkdir(parents=True)
    made: set[int] = set()
    with (
        (train / "metadata.jsonl").open("w", encoding="ascii") as metadata,
        (out / "failed.jsonl").open("w", encoding="ascii") as failed,
    ):
        for row in material.rows():
            path = row.record.path
            if row.failure is not None:
                failed.write(json.dumps(_failure(row)) + "\n")
                continue
            ending = PurePosixPath(path).suffix.lower()
            if why := _why_not(path, ending):
                material.refuse(row, why)
                continue
            folder = row.record.index // IN_A_FOLDER
            name = f"{folder:05}/{row.record.index:08}{ending}"
            if folder not in made:
                (train / f"{folder:05}").mkdir()
                made.add(folder)
            (train / name).symlink_to(below / path)
            metadata.write(json.dumps({"file_name": name, **_about(row)}) + "\n")


def _about(row: Row) -> dict[str, Any]:
    """What is known of an answered image.

    Each value has its type in every line, for `datasets` takes a column's from the first of them.
    """
    label, score = row.label, row.score
    if score is None:
        score = 0.0 if label is None else 1.0
    known = {"i": row.record.index, "path": row.record.path, "label": label or "", "score": score}
    return {**known, **row.record.extra}


def _failure(row: Row) -> dict[str, Any]:
    failure = row.failure
    said = {} if failure is None else {"error": failure.kind, "message": failure.message}
    return {"i": row.record.index, "path": shown(row.record.path), "label": row.label, **said}


def _why_not(path: str, ending: str) -> str:
    if is_remote(path):
        return "not a file on this machine"
    if why := why_not_a_file(path):
        return why
    return "" if ending in ENDINGS else "a name that `datasets` does not take for an image's"


KIND = Kind(write)
