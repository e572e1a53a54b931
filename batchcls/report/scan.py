"""Reads of a line what a report counts, at a fraction of the cost of reading all of it. Pure.

A results file was checked when it was written, so a line is not checked again to its last byte:
`results.record.parse` does that for the few that a report shows.
"""

import re
from typing import NamedTuple

from batchcls.images import FAILURE_KINDS
from batchcls.results.earlier_record import ERROR, as_today
from batchcls.results.record import TEXT

_NUMBER = rb"-?[0-9]++\.[0-9]++"
_HEAD = re.compile(
    rb'\{"i":([0-9]{1,18}+),"path":' + TEXT + rb'(?:,"path_b64":"[^"]*+")?,"top":\[(?:\]|'
    rb'\{"index":[0-9]+,"label":(' + TEXT + rb'),"score":(' + _NUMBER + rb")\}"
    rb'(?:,\{"index":[0-9]+,"label":' + TEXT + rb',"score":(' + _NUMBER + rb")\})?)"
)
_MARGIN = b',"margin":'
_VALUE = re.compile(_NUMBER)
_KINDS = frozenset(kind.encode() for kind in FAILURE_KINDS)


class Line(NamedTuple):
    """What is counted of a line.

    Attributes:
        label: of the best class, as it stands in the line; None for a failure, and where no class
            of a multi-label model is above its threshold.
        score: of the best class.
        margin: by how much it is ahead of the second: as the record says (`--with margin`), else
            the difference of the two scores, else the score. Small is unsure.
        kind: of the failure; empty for an answer.
    """

    index: int  # type: ignore[assignment]  # hides `tuple.index`, as in `ImageRef`
    label: bytes | None
    score: float
    margin: float
    kind: str


def scan(line: bytes) -> Line | None:
    """What a line says; None if it is no record.

    Args:
        line: without its newline.
    """
    found = _HEAD.match(line)
    if found is None:
        line = as_today(line)  # failures of 0.1.0 have no `top`
        found = _HEAD.match(line)
    if found is None or line[-1:] != b"}":
        return None
    index, label, first, second = found.groups()
    if label is None:
        at = line.find(ERROR, found.end())
        kind = line[at + len(ERROR) : line.find(b'"', at + len(ERROR))] if at > 0 else b""
        if kind and kind not in _KINDS:
            return None
        return Line(int(index), None, 0.0, 0.0, kind.decode())
    score = float(first)
    # No text can hold these bytes: there, every quotation mark has a backslash before it.
    at = line.rfind(_MARGIN, found.end())
    if at > 0:
        value = _VALUE.match(line, at + len(_MARGIN))
        if value is None:
            return None
        margin = float(value[0])
    else:
        margin = score if second is None else score - float(second)
    return Line(int(index), label, score, margin, "")
