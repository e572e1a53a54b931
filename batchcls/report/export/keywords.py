"""Decides which keywords a sidecar gets and loses, and puts them in; everything else stays.

Each class is a keyword (``dc:subject``), and below our prefix one of a hierarchy, for darktable
and Lightroom (``lr:hierarchicalSubject``, with ``|``) and for digiKam (``digiKam:TagsList``,
with ``/``). What has our prefix is ours, and goes where it no longer holds. A plain keyword is
ours where ``batchcls:added`` says that we have added it.

Where there is a hierarchy, darktable and digiKam do not look at plain keywords. So a new one
gets what other people's keywords said, lest theirs vanish.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from batchcls.report.export.sidecar import RDF, Found, Node, Sidecar

SUBJECT = "http://purl.org/dc/elements/1.1/ subject"
HIERARCHY = "http://ns.adobe.com/lightroom/1.0/ hierarchicalSubject"
TAGS = "http://www.digikam.org/ns/1.0/ TagsList"
ADDED = "urn:batchcls:xmp:1.0/ added"
FORMS = {
    SUBJECT: ("dc", "Bag"), HIERARCHY: ("lr", "Bag"), TAGS: ("digiKam", "Seq"),
    ADDED: ("batchcls", "Bag"),
}  # fmt: skip
"""The prefix that a property's namespace usually has, and the property's container."""

NEW = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="{RDF}">
 </rdf:RDF>
</x:xmpmeta>
""".encode()
"""A sidecar that says nothing."""

_Edit = tuple[int, int, str]


def merged(data: bytes, labels: Sequence[str], prefix: str) -> bytes:
    """A sidecar with the keywords of these classes, and with none of ours besides.

    Args:
        data: the sidecar as it is.
        labels: the classes; without ``|``, ``/`` and what XML cannot hold.
        prefix: the keyword above ours; where it is empty, nothing is ever removed.

    Raises:
        NotMergedError: the sidecar is of a kind that is not merged with.
    """
    sidecar = Sidecar(data, frozenset(FORMS))
    has = {name: _values(sidecar, name) for name in FORMS}
    ours = [one for one in has[ADDED] if prefix]
    kept = [label for label in labels if label in ours or label not in has[SUBJECT]]
    above = {HIERARCHY: f"{prefix}|" if prefix else "", TAGS: f"{prefix}/" if prefix else ""}
    plan = {
        SUBJECT: (labels, {*ours} - {*labels}),
        ADDED: (kept if prefix else (), {*ours} - {*kept}),
    }
    for name in (HIERARCHY, TAGS):
        tags = [above[name] + label for label in labels]
        old = {one for one in has[name] if above[name] and one.startswith(above[name])}
        if tags and not has[name]:
            tags = [*(one for one in _of_others(name, has, ours, above) if one not in tags), *tags]
        plan[name] = (tags, old - {*tags})
    edits: list[_Edit] = []
    new: list[tuple[str, list[str]]] = []
    for name in FORMS:
        add, remove = plan[name]
        missing = [one for one in dict.fromkeys(add) if one not in has[name]]
        if left := _edit(data, sidecar.found[name], missing, remove, edits):
            new.append((name, left))
    if new:
        edits.append(_described(data, sidecar, new))
    return _spliced(data, edits)


def _values(sidecar: Sidecar, name: str) -> list[str]:
    return [text for place in sidecar.found[name] for text, _ in place.items]


def _of_others(
    name: str, has: dict[str, list[str]], ours: list[str], above: dict[str, str]
) -> list[str]:
    """What other people's keywords say, in the form of a hierarchy that is not there yet."""
    other, old, new = (TAGS, "/", "|") if name == HIERARCHY else (HIERARCHY, "|", "/")
    theirs = [one for one in has[other] if not above[other] or not one.startswith(above[other])]
    if theirs:
        return [one.replace(old, new) for one in theirs]
    return [one for one in has[SUBJECT] if one not in ours and new not in one]


def _edit(
    data: bytes, places: list[Found], missing: list[str], remove: set[str], edits: list[_Edit]
) -> list[str]:
    """Note what changes where a property is; what has to go into a new one."""
    for place in places:
        left = [one for one in place.items if one[0] not in remove]
        box = None if place.node is None or not place.node.inside else place.node.inside[0]
        others = box is not None and len(box.inside) > len(place.items)
        if place.node is None:
            if missing or not left:
                edits.append((place.start, place.end, ""))
                missing = [*(text for text, _ in left), *missing]
        elif not (left or others) and (missing or remove or box is None):
            if missing or place.items:
                edits.append(_with_blanks(data, place.node))
        else:
            for text, node in place.items:
                if text in remove and node is not None:
                    edits.append(_with_blanks(data, node))
            if missing and box is not None:
                edits.append(_inserted(data, box, missing))
                missing = []
    return missing


def _inserted(data: bytes, box: Node, texts: list[str]) -> _Edit:
    """Values behind the last one of a container, indented as it is."""
    at = box.inside[-1].end
    blanks = _blanks(data, box.inside[0].start)
    li = f"{box.prefix}li"
    return at, at, "".join(f"{blanks}<{li}>{escape(one)}</{li}>" for one in texts)


def _described(data: bytes, sidecar: Sidecar, new: list[tuple[str, list[str]]]) -> _Edit:
    """A description with the properties that the file has not had."""
    rdf, spaces, lines = sidecar.rdf.prefix, "", []
    for name, values in new:
        uri, local = name.split(" ")
        usual, box = FORMS[name]
        prefix = sidecar.prefixes.get(uri, usual)
        while uri not in sidecar.prefixes and prefix in sidecar.bound:
            prefix += "_"
        spaces += f'\n    xmlns:{prefix}="{uri}"'
        items = "".join(f"\n     <{rdf}li>{escape(one)}</{rdf}li>" for one in values)
        lines.append(
            f"   <{prefix}:{local}>\n    <{rdf}{box}>{items}\n    </{rdf}{box}>\n"
            f"   </{prefix}:{local}>\n"
        )
    about = escape(sidecar.about, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    text = f'\n  <{rdf}Description {rdf}about="{about}"{spaces}>\n{"".join(lines)}'
    text += f"  </{rdf}Description>"
    node = sidecar.rdf
    if not node.empty:
        at = node.closed - len(_blanks(data, node.closed))
        return at, at, text
    tag = data[node.start : node.end - 2].decode()
    return node.start, node.end, f"{tag}>{text}\n </{node.tag.decode()}>"


def _with_blanks(data: bytes, node: Node) -> _Edit:
    return node.start - len(_blanks(data, node.start)), node.end, ""


def _blanks(data: bytes, end: int) -> str:
    """The white space before that byte."""
    start = end
    while start and data[start - 1 : start].isspace():
        start -= 1
    return data[start:end].decode()


def _spliced(data: bytes, edits: list[_Edit]) -> bytes:
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text.encode() + data[end:]
    return data
