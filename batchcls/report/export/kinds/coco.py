"""``--to coco``: a folder with Datumaro's COCO for classes, and a link to the images.

COCO itself has boxes and captions alone. As `datumaro` 1.13 reads ``labels_*.json``, in
``plugins/data_formats/coco/base.py``: category 0 is no class; an image's id there is its name
without the ending.
"""

import shutil
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from tempfile import TemporaryFile

from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.export.tags import Tagged, Tags


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    tags = Tags(material)
    folder = out / "annotations"
    folder.mkdir(parents=True)
    tags.link(out / "images")
    with (
        (folder / "labels_default.json").open("w", encoding="ascii") as file,
        TemporaryFile("w+", encoding="ascii", dir=folder) as later,
    ):
        categories = [
            f'{{"id": {number + 1}, "name": {quoted(label)}, "supercategory": ""}}'
            for label, number in tags.labels.items()
        ]
        file.write('{"info": {}, "licenses": [],\n"categories": [\n')
        file.write(",\n".join(categories) + '\n],\n"images": [')
        between = first = "\n"
        number = 0
        for found in tags:
            file.write(between + _image(found))
            between = ",\n"
            for label, score in found.tags:
                number += 1
                later.write(
                    f'{first}{{"id": {number}, "image_id": {found.row.record.index + 1}, '
                    f'"category_id": {tags.labels[label] + 1}, "score": {score!r}}}'
                )
                first = ",\n"
        file.write('\n],\n"annotations": [')
        later.seek(0)
        shutil.copyfileobj(later, file, 1 << 20)
        file.write("\n]}\n")


def _image(found: Tagged) -> str:
    record, failure = found.row.record, found.row.failure
    error, message = (failure.kind, failure.message) if failure else ("", "")
    width, height = record.extra.get("width"), record.extra.get("height")
    size = f'"width": {width}, "height": {height}, ' if width and height else ""
    return (
        f'{{"id": {record.index + 1}, "file_name": {quoted(found.name)}, {size}'
        f'"error": "{error}", "message": {quoted(message)}}}'
    )


KIND = Kind(write)
