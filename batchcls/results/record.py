"""Decides what one line of the results file looks like, and refuses every line that does not.

Rules of this file:

1. A record is one line of printable ASCII, so it holds no newline, no escape and no NaN.
2. Its keys come in one fixed order, so no key can come twice.
3. ``path`` is the name as text; where the name is not UTF-8, ``path_b64`` has its bytes and
   ``path`` shows U+FFFD for what cannot be read. A lone surrogate is never written.
4. Nothing that depends on time or scheduling is in it; scores have six decimals.
5. What `--always` names stands behind ``error``, and what `--with` names behind that.
6. ``top`` and ``error`` are in every line, with values of their type: readers of JSON lines take a
   column's type from the lines they see first. A line is a failure if ``error.kind`` is not empty.

::

    {"i":0,"path":"sub/a.jpg","top":[{"index":281,"label":"tabby","score":0.934211}],
     "error":{"kind":"","message":""},"width":640}
    {"i":1,"path":"b.jpg","top":[],"error":{"kind":"truncated","message":"…"}}

`ok_line` and `failure_line` run in the workers, `check` in the coordinator, once per line of every
worker: it is one regular expression without backtracking.
"""

import base64
import binascii
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import Any, NamedTuple, cast

from batchcls.errors import ImageError
from batchcls.images import FAILURE_KINDS, Failure, FailureKind, ImageRef, Prediction
from batchcls.job.choices import FACTS
from batchcls.messages import Answer
from batchcls.results.earlier_record import ERROR, NO_ERROR, as_today

MAX_LINE = 4 << 20
"""Bytes of a line, more than any top-N of 40,000 classes needs."""

MAX_LABEL = 1000
MAX_MESSAGE = 500

_INTEGER = rb"(?:0|[1-9][0-9]{0,17})"
_DECIMAL = rb"-?(?:0|[1-9][0-9]{0,38})\.[0-9]{6}"

# Everything possessive ("++", "*+"): a hostile line fails in one pass, not in exponential time.
TEXT = (
    rb'"(?:[ !#-\[\]-~]++|\\(?:["\\bfnrt]|u(?!d[89a-f])[0-9a-f]{4}'
    rb'|ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}))*+"'
)
_TIME = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_CAPTURED = _TIME + rb"(?:\.[0-9]{1,9})?+(?:[+-][0-9]{2}:[0-9]{2})?+"
_ANGLE = rb"-?[0-9]{1,3}\.[0-9]{6}"
_FORMS = (
    _DECIMAL, _DECIMAL, _INTEGER, _INTEGER, rb'"[0-9a-f]{64}"', rb'"[0-9a-f]{16}"',
    rb'"(?:' + _CAPTURED + rb')?+"', TEXT, rb'"(?:' + _ANGLE + rb"," + _ANGLE + rb')?+"',
    rb'"fi(?:rst|nal)"',
)  # fmt: skip
_EXTRAS: Mapping[str, bytes] = dict(zip(FACTS, _FORMS, strict=True))
"""Optional keys after ``error``, in the order in which they are written, and their form."""

_CLASS = rb'\{"index":' + _INTEGER + rb',"label":' + TEXT + rb',"score":' + _DECIMAL + rb"\}"
_FIRST = rb'\{"index":' + _INTEGER + rb',"label":(?P<label>' + TEXT + rb'),"score":' + _DECIMAL
_RECORD = re.compile(
    rb'\{"i":(?:-1|' + _INTEGER + rb'),"path":(?P<path>' + TEXT + rb")"
    rb'(?:,"path_b64":"(?P<b64>[A-Za-z0-9+/]++={0,2})")?+'
    rb'(?:,"top":\[(?:' + _FIRST + rb"\}(?:," + _CLASS + rb")*+)?+\]" + re.escape(NO_ERROR)
    + rb'(?:,"always":\[' + _CLASS + rb"(?:," + _CLASS + rb")*+\])?+"
    + b"".join(b'(?:,"%s":%s)?+' % (key.encode(), value) for key, value in _EXTRAS.items())
    + rb'|,"top":\[\],"error":\{"kind":"(?P<kind>' + "|".join(sorted(FAILURE_KINDS)).encode()
    + rb')","message":' + TEXT + rb"\})\}"
)  # fmt: skip


_read = json.JSONDecoder().raw_decode
"""`json.loads` without its guess of the encoding, and without what stands behind the line."""


class RecordError(ValueError):
    """A line is not a record, or not the record that belongs there."""


class Checked(NamedTuple):
    """What `check` found in a good line: why the image failed, or else its best label."""

    failed: FailureKind | None
    label: str | None


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """A line, read back.

    Attributes:
        index: the image's position in the inputs list.
        path: as in `ImageRef` (decoded with ``os.fsdecode``).
        top: classes, best first; empty for a failure.
        failure: why there are none, else None.
        extra: the optional keys.
        always: classes that are written whatever their rank, by index.
    """

    index: int
    path: str
    top: tuple[Prediction, ...]
    failure: Failure | None
    extra: Mapping[str, int | float | str] = field(default_factory=dict)
    always: tuple[Prediction, ...] = ()


def head(ref: ImageRef) -> bytes:
    """How every record of this image begins, up to and without the comma after its path.

    No other image's record begins like that.
    """
    path = ref.path
    if path.isascii():
        return b'{"i":%d,"path":%s' % (ref.index, quote(path).encode())
    raw = os.fsencode(path)
    try:
        return b'{"i":%d,"path":%s' % (ref.index, quote(raw.decode()).encode())
    except UnicodeDecodeError:
        shown = quote(raw.decode(errors="replace")).encode()
        return b'{"i":%d,"path":%s,"path_b64":"%s"' % (ref.index, shown, base64.b64encode(raw))


def ok_line(
    ref: ImageRef,
    predictions: Sequence[Prediction],
    extra: Mapping[str, int | float | str] | None = None,
    always: Sequence[Prediction] = (),
) -> bytes:
    """The record of an answered image, without newline.

    Args:
        predictions: its classes, best first; none where no class of a multi-label model is above
            its threshold.
        extra: values for keys of `FACTS`.
        always: classes that are written whatever their rank, by index.

    Raises:
        ImageError: a score is NaN or infinite.
        ValueError: an extra key that is none.
    """
    tail = f',"always":[{_classes(always)}]' if always else ""
    if extra:
        tail += _extra_text(extra)
    return b'%s,"top":[%s]%s%s}' % (
        head(ref), _classes(predictions).encode(), NO_ERROR, tail.encode()
    )  # fmt: skip


def _classes(predictions: Sequence[Prediction]) -> str:
    classes = []
    finite = math.isfinite
    for prediction in predictions:
        score = prediction.score
        if not finite(score):
            raise ImageError("bad_output", "the model answered with NaN or infinity")
        # "z": -0.0 and what rounds to it is 0, on every machine.
        classes.append(f"{_class(prediction.index, prediction.label)}{score:z.6f}}}")
    return ",".join(classes)


def failure_line(ref: ImageRef, failure: Failure) -> bytes:
    """The record of an image without answer, without newline."""
    message = quote(_readable(failure.message, MAX_MESSAGE)).encode()
    return b'%s,"top":[]%s%s","message":%s}}' % (head(ref), ERROR, failure.kind.encode(), message)


def failure_answer(ref: ImageRef, failure: Failure) -> Answer:
    """The answer that is no answer, with its record."""
    return Answer(ref.index, failure_line(ref, failure), failure.kind)


def check(line: bytes, index: int) -> Checked | None:
    """What a line says if it is, byte for byte, a record of image `index`; else None.

    Args:
        line: without its newline, from any source.
    """
    match = _match(line) if line.startswith(b'{"i":%d,' % index) else None
    if match is None:
        return None
    label, kind = match.group("label", "kind")
    if kind is not None:
        # The expression lists exactly the kinds.
        return Checked(cast(FailureKind, kind.decode()), None)
    return Checked(None, None if label is None else _label(label))


def _match(line: bytes) -> re.Match[bytes] | None:
    """The parts of a line, if it is a record of any image."""
    match = _RECORD.fullmatch(line) if len(line) <= MAX_LINE else None
    if (
        match is not None
        and match.start("b64") >= 0
        and not _consistent(*match.group("path", "b64"))
    ):
        return None
    return match


def failed_kind(line: bytes) -> str | None:
    """The kind of failure in a line that is known to be a record, fast; None for an answer.

    The bytes looked for cannot be part of a text: there, every quotation mark has a backslash.
    """
    start = line.index(ERROR) + len(ERROR)
    return line[start : line.index(b'"', start)].decode() or None


def parse(line: bytes) -> ParsedRecord:
    """Read a line back, strictly; those of earlier versions too.

    Args:
        line: without its newline.

    Raises:
        RecordError: it is not a record.
    """
    line = as_today(line)
    if _match(line) is None:
        raise RecordError(f"not a record: {line[:80]!r}")
    content = _read(line.decode())[0]
    index, path, top, error = (content.pop(key) for key in ("i", "path", "top", "error"))
    encoded, always = content.pop("path_b64", None), content.pop("always", ())
    if encoded or not path.isascii():
        path = os.fsdecode(base64.b64decode(encoded) if encoded else path.encode())
    return ParsedRecord(
        index,
        path,
        _predictions(top),
        Failure(error["kind"], error["message"]) if error["kind"] else None,
        content,  # what is left are the facts
        _predictions(always) if always else (),
    )


def _predictions(classes: Iterable[Mapping[str, Any]]) -> tuple[Prediction, ...]:
    return tuple([Prediction(c["index"], c["label"], c["score"]) for c in classes])


@lru_cache(maxsize=1 << 16)
def _class(index: int, label: str) -> str:
    return f'{{"index":{index},"label":{quote(_readable(label, MAX_LABEL))},"score":'


@lru_cache(maxsize=1 << 12)
def _label(quoted: bytes) -> str:
    label: str = json.loads(quoted)
    return label


def _readable(text: str, most: int) -> str:
    """Shortened, with U+FFFD for lone surrogates."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _extra_text(extra: Mapping[str, int | float | str]) -> str:
    if unknown := extra.keys() - _EXTRAS.keys():
        raise ValueError(f"no key of a record: {', '.join(sorted(unknown))}")
    texts = []
    for key, pattern in _EXTRAS.items():
        if key not in extra:
            continue
        value = extra[key]
        number = format(value, "z.6f") if isinstance(value, float) else str(value)
        text = quote(value) if isinstance(value, str) else number
        if not re.fullmatch(pattern, text.encode()):
            raise ValueError(f"{key} cannot be {text}")
        texts.append(f',"{key}":{text}')
    return "".join(texts)


def _consistent(path: bytes, encoded: bytes) -> bool:
    """Whether these are the bytes that the text shows, and no text could show them better."""
    try:
        raw = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        return False
    shown = raw.decode(errors="replace")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return quote(shown).encode() == path
    return False
