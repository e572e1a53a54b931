"""``--to megadetector``: MegaDetector's results format 1.6, as Timelapse reads it.

One JSON file (https://lila.science/megadetector-output-format). The format has classes for boxes
alone, so each image gets one box around all of it, of the category "animal", which readers look
for, with the classes in it.
"""

import json
from pathlib import Path
from typing import Any

from batchcls.report.export.files import is_remote, why_not_a_file
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.reading import manifest_of
from batchcls.report.rows import Row

VERSION = "1.6"
WHOLE = [0.0, 0.0, 1.0, 1.0]
"""Left, top, width and height, as shares of the image's."""

VIDEOS = (".mp4", ".avi", ".mpeg", ".mpg", ".mov", ".mkv", ".flv")
"""Endings that make readers expect frames."""


class _Categories:
    """Numbers for labels, in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {}

    def __getitem__(self, label: str) -> str:
        return self.numbers.setdefault(label, str(len(self.numbers)))


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    categories = _Categories()
    info = {"format_version": VERSION, "detector": "none", "classifier": _model(material)}
    with out.open("w", encoding="ascii") as file:
        file.write(f'{{\n"info": {json.dumps(info)},\n"images": [')
        between = "\n"
        for row in material.rows():
            if why := _why_not(row):
                material.refuse(row, why)
                continue
            file.write(between + json.dumps(_image(row, categories)))
            between = ",\n"
        names = {number: label for label, number in categories.numbers.items()}
        file.write(f'\n],\n"detection_categories": {json.dumps({"1": "animal"})},\n')
        file.write(f'"classification_categories": {json.dumps(names)}\n}}\n')


def _image(row: Row, categories: _Categories) -> dict[str, Any]:
    image: dict[str, Any] = {"file": row.record.path}
    if row.corrected:
        found = [[categories[row.corrected], 1.0]]
    elif row.failure is not None:
        message = f"{row.failure.kind}: {row.failure.message}"
        return {**image, "failure": message, "detections": None}
    else:
        top = row.top if row.corrected is None else ()
        found = [[categories[one.label], one.score] for one in top]
    if not found:
        return {**image, "detections": []}
    box = {"category": "1", "conf": found[0][1], "bbox": WHOLE, "classifications": found}
    return {**image, "detections": [box]}


def _why_not(row: Row) -> str:
    path = row.record.path
    if row.corrected is None:
        labels = [one.label for one in row.top]
        if not all(0 <= one.score <= 1 for one in row.top):
            return "a score that is no probability, of a model without softmax"
    else:
        labels = [row.corrected] if row.corrected else []
    if not all(map(str.strip, labels)):
        return "a blank label, which the format forbids"
    if is_remote(path):
        return "not a file, where Timelapse could find it"
    if path.lower().endswith(VIDEOS):
        return "a video's name, for which the format asks for frames"
    return why_not_a_file(path)


def _model(material: Material) -> str:
    manifest = manifest_of(material.results[0].path)
    model = manifest.settings.get("job", {}).get("model") if manifest is not None else None
    return Path(model).name if model else "batchcls"


KIND = Kind(write)
