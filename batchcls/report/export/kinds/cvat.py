"""``--to cvat``: tags for CVAT in its format 1.1, and the labels that their tasks need.

A folder: ``labels.json`` for the task's constructor, and ``annotations-00001.zip`` … for a task of
`IMAGES` each, since the import of 200,000 tags took CVAT twenty hours. As CVAT's own importer reads
them, in ``cvat/apps/dataset_manager/formats/cvat.py``: ``load_anno``. One image that it does not
find in the task is the end of the import, so those that failed, which may not be there, are in
``failed.jsonl``.
"""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from batchcls.report.export.failed import failed_line
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.export.tags import Tagged, Tags, why_not_a_label
from batchcls.report.export.xml_text import NOT_XML

IMAGES = 10_000
LONGEST = 64
"""Characters of a label that CVAT keeps."""

FIRST_ID = 1_000_000_000
"""Where an image's name is not found in the task, CVAT takes the one at the place of its id."""

_ATTRIBUTE = {
    "name": "score", "mutable": False, "input_type": "text", "default_value": "", "values": [""],
}  # fmt: skip


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    tags = Tags(material, _why_not_a_label, failed=False)
    out.mkdir()
    labels = [{"name": name, "type": "tag", "attributes": [_ATTRIBUTE]} for name in tags.labels]
    (out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n", encoding="ascii")
    head = "".join(map(_label, tags.labels))
    with (out / "failed.jsonl").open("w", encoding="ascii") as failed:
        held = _held(tags, material, failed)
        number = 0
        while first := next(held, None):
            number += 1
            some = chain([first], islice(held, IMAGES - 1))
            _write_zip(out / f"annotations-{number:05}.zip", head, map(_image, some))


def _held(tags: Tags, material: Material, failed: TextIO) -> Iterator[Tagged]:
    for found in tags:
        if found.row.failure is not None:
            failed.write(failed_line(found.row))
        elif NOT_XML.search(found.name):
            material.refuse(found.row, "a name with characters that XML cannot hold")
        else:
            yield found


def _write_zip(path: Path, head: str, images: Iterable[str]) -> None:
    # An entry without a date has 1980: the same again.
    entry = ZipInfo("annotations.xml")
    entry.compress_type = ZIP_DEFLATED
    with ZipFile(path, "w", compresslevel=1) as archive, archive.open(entry, "w") as file:
        file.write(
            b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
            b"<meta><task>\n<mode>annotation</mode>\n<labels>\n"
        )
        file.write(f"{head}</labels>\n</task></meta>\n".encode())
        file.writelines(map(str.encode, images))
        file.write(b"</annotations>\n")


def _label(name: str) -> str:
    return (
        f"<label><name>{_text(name)}</name><type>tag</type><attributes><attribute>"
        "<name>score</name><mutable>False</mutable><input_type>text</input_type>"
        "<default_value></default_value><values></values></attribute></attributes></label>\n"
    )


def _text(label: str) -> str:
    return escape(label, {"\r": "&#13;"})  # readers make a newline of a plain one


_quoted = lru_cache(1 << 12)(quoteattr)


def _image(found: Tagged) -> str:
    record = found.row.record
    width, height = record.extra.get("width"), record.extra.get("height")
    size = f' width="{width}" height="{height}"' if width and height else ""
    tags = "".join([
        f'<tag label={_quoted(label)} source="auto">'
        f'<attribute name="score">{score!r}</attribute></tag>'
        for label, score in found.tags
    ])  # fmt: skip
    head = f'<image id="{FIRST_ID + record.index}" name={quoteattr(found.name)}{size}>'
    return f"{head}{tags}</image>\n"


def _why_not_a_label(label: str) -> str:
    if why := why_not_a_label(label):
        return why
    if NOT_XML.search(label):
        return "a label with characters that XML cannot hold"
    if len(label) > LONGEST or label != label.strip():
        return (
            f"a label that CVAT cuts: of more than {LONGEST} characters, or with blanks around it"
        )
    return ""


KIND = Kind(write)
