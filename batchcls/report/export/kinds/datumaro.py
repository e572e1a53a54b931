"""``--to datumaro``: a folder in Datumaro's own format, with a link to the images.

As `datumaro` 1.13 reads it, in ``plugins/data_formats/datumaro/base.py``: an item's id may have the
ending; what is in ``attr`` become the item's attributes.
"""

from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path

from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.export.tags import Tagged, Tags


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    tags = Tags(material, endings=True)
    (out / "annotations").mkdir(parents=True)
    tags.link(out / "images")
    with (out / "annotations" / "default.json").open("w", encoding="ascii") as file:
        names = ",\n".join([f'{{"name": {quoted(label)}, "parent": ""}}' for label in tags.labels])
        file.write('{"dm_format_version": "1.0", "media_type": 2, "infos": {},\n')
        file.write(f'"categories": {{"label": {{"labels": [\n{names}\n]}}}},\n"items": [')
        between = "\n"
        for found in tags:
            file.write(between + _item(found, tags.labels))
            between = ",\n"
        file.write("\n]}\n")


def _item(found: Tagged, numbers: dict[str, int]) -> str:
    record, failure = found.row.record, found.row.failure
    said = ", ".join([
        f'{{"type": "label", "label_id": {numbers[label]}, "attributes": {{"score": {score!r}}}}}'
        for label, score in found.tags
    ])  # fmt: skip
    name = quoted(found.name)
    error, message = (failure.kind, failure.message) if failure else ("", "")
    known = f'"i": {record.index}, "error": "{error}", "message": {quoted(message)}'
    width, height = record.extra.get("width"), record.extra.get("height")
    size = f', "size": [{height}, {width}]' if width and height else ""
    return (
        f'{{"id": {name}, "annotations": [{said}], "attr": {{{known}}}, '
        f'"image": {{"path": {name}{size}}}}}'
    )


KIND = Kind(write)
