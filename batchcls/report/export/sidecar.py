"""Reads where the keywords of an XMP file stand, byte by byte, without a tree of all the rest.

The file is another program's: darktable's history, ratings, comments and layout have to stay as
they are, and no XML library writes back what it read. So the keywords alone are cut out and put in.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LARGEST = 8 << 20
"""Bytes of a sidecar; darktable's with hundreds of masks have one million."""

_CONTAINERS = frozenset({f"{RDF} Bag", f"{RDF} Seq", f"{RDF} Alt"})
_TAG = re.compile(rb"""<([^\s/>]+)(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')""")


class NotMergedError(Exception):
    """A sidecar that cannot be merged with; says why."""


@dataclass(slots=True)
class Node:
    """An element, by its bytes: from `start` to `end`, its content from `opened` to `closed`."""

    name: str
    tag: bytes
    start: int
    opened: int
    closed: int = 0
    end: int = 0
    inside: list["Node"] = field(default_factory=list)
    text: str = ""

    @property
    def empty(self) -> bool:
        """Whether it is one tag, so that nothing can be put into it."""
        return self.opened == self.end

    @property
    def prefix(self) -> str:
        """What stands before the name in the tag, with its colon."""
        before, colon, _ = self.tag.decode().rpartition(":")
        return before + colon


@dataclass(slots=True)
class Found:
    """One place where a property has its values: an element, or an attribute's bytes."""

    items: list[tuple[str, Node | None]]
    node: Node | None
    start: int = 0
    end: int = 0


class Sidecar:
    """A sidecar that was read.

    Args:
        data: its bytes.
        wanted: the properties to find, by their full names ("URI local").

    Attributes:
        rdf: the element that all the properties are below.
        about: what they are said of; the same everywhere.
        found: where each property is.
        prefixes: of each namespace, as the file has it first.

    Raises:
        NotMergedError: it is no XMP, or of a kind that is not merged with.
    """

    def __init__(self, data: bytes, wanted: frozenset[str]) -> None:
        if len(data) > LARGEST:
            raise NotMergedError(f"larger than {LARGEST >> 20} MiB")
        self._data, self._wanted = data, wanted
        self._stack: list[Node | None] = []
        self._scope: dict[str, list[str]] = {}
        self._abouts: set[str] = set()
        self._roots: list[Node] = []
        self.found: dict[str, list[Found]] = {name: [] for name in wanted}
        self.prefixes: dict[str, str] = {}
        self._parse()
        if len(self._roots) != 1 or not self._roots[0].prefix:
            raise NotMergedError("not one rdf:RDF in it")
        if len(self._abouts) > 1:
            raise NotMergedError("about several things (rdf:about)")
        self.rdf = self._roots[0]
        self.about = "".join(self._abouts)

    def _parse(self) -> None:
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _no_doctype
        parser.XmlDeclHandler = _only_utf8
        parser.StartNamespaceDeclHandler = self._bind
        parser.EndNamespaceDeclHandler = lambda prefix: self._scope[prefix or ""].pop()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        if self._data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise NotMergedError("not in UTF-8")
        try:
            parser.Parse(self._data, True)
        except (expat.ExpatError, UnicodeError) as error:
            raise NotMergedError(f"no XML: {error}") from None
        finally:
            del self._parser  # which holds us, so that memory would wait for the collector

    def _bind(self, prefix: str | None, uri: str) -> None:
        self._scope.setdefault(prefix or "", []).append(uri or "")
        if prefix and uri not in self.prefixes:
            self.prefixes[uri] = prefix

    @property
    def bound(self) -> frozenset[str]:
        """Every prefix that means something anywhere in the file."""
        return frozenset(self._scope)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self._stack[-1] if self._stack else None
        node = self._node(name) if self._counts(name, parent) else None
        self._stack.append(node)
        if parent is not None and parent.name in {*self._wanted, f"{RDF} li", *_CONTAINERS}:
            parent.inside.append(node or self._node(name))
        if node is not None and name == f"{RDF} RDF":
            self._roots.append(node)
        if node is not None and name == f"{RDF} Description":
            self._abouts.add(attributes.get(f"{RDF} about", attributes.get("about", "")))
            for wanted in self._wanted & attributes.keys():
                self._attribute(wanted, attributes[wanted], node)

    def _counts(self, name: str, parent: Node | None) -> bool:
        above = None if parent is None else parent.name
        return (
            name == f"{RDF} RDF"
            or (name == f"{RDF} Description" and above == f"{RDF} RDF")
            or (name in self._wanted and above == f"{RDF} Description")
            or (name in _CONTAINERS and above in self._wanted)
            or (name == f"{RDF} li" and above in _CONTAINERS)
        )

    def _node(self, name: str) -> Node:
        at = self._parser.CurrentByteIndex
        tag = _TAG.match(self._data, at)
        if tag is None:
            raise NotMergedError("of a form that is not merged with")
        return Node(name, tag[1], at, tag.end())

    def _attribute(self, name: str, value: str, node: Node) -> None:
        uri, local = name.split(" ")
        for one in _ATTRIBUTE.finditer(self._data, node.start + 1 + len(node.tag), node.opened):
            prefix, _, rest = one[1].decode().rpartition(":")
            if rest == local and prefix and (self._scope.get(prefix) or [""])[-1] == uri:
                self.found[name].append(Found([(value, None)], None, one.start(), one.end()))

    def _text(self, text: str) -> None:
        node = self._stack[-1]
        if node is not None and (node.name == f"{RDF} li" or node.name in self._wanted):
            node.text += text

    def _end(self, name: str) -> None:
        node = self._stack.pop()
        if node is None:
            return
        if self._data[node.opened - 2 : node.opened] == b"/>":
            node.closed = node.end = node.opened
        else:
            node.closed = self._parser.CurrentByteIndex
            node.end = self._data.index(b">", node.closed) + 1
        if name in self._wanted:
            self.found[name].append(Found(_items(node), node))


def _items(node: Node) -> list[tuple[str, Node | None]]:
    """The values of a property; what is no plain text has none, and stays."""
    if node.text.strip() or len(node.inside) > 1:
        raise NotMergedError(f"{node.tag.decode()} in it is no list")
    if not node.inside:
        return []
    box = node.inside[0]
    if box.name not in _CONTAINERS or any(one.name != f"{RDF} li" for one in box.inside):
        raise NotMergedError(f"{node.tag.decode()} in it is no list")
    return [(one.text, one) for one in box.inside if not one.inside]


def _no_doctype(*_: object) -> None:
    raise NotMergedError("with a DTD, which no XMP has")


def _only_utf8(version: str, encoding: str | None, standalone: int) -> None:
    if (encoding or "utf-8").lower() not in {"utf-8", "us-ascii"}:
        raise NotMergedError("not in UTF-8")
