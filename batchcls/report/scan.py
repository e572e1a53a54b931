"""Reads of a line what a report counts, at a fraction of the cost of reading all of it. Pure.

A results file was checked when it was written, so a line is not checked again to its last byte:
`results.record.parse` does that for the few that a report shows.
"""

import re
from typing import NamedTuple

from batchcls.results.earlier_record import ERROR, as_today

_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
_HEAD = re.compile(
    rb'\{"i":([0-9]+),"path":' + _TEXT + rb'(?:,"path_b64":"[^"]*+")?,"top":\[(?:\]|'
    rb'\{"index":[0-9]+,"label":(' + _TEXT + rb'),"score":([-0-9.]+)\}'
    rb'(?:,\{"index":[0-9]+,"label":' + _TEXT + rb',"score":([-0-9.]+)\})?)'
)
_MARGIN = b',"margin":'


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
        kind = line[at + len(ERROR) : line.find(b'"', at + len(ERROR))].decode() if at > 0 else ""
        return Line(int(index), None, 0.0, 0.0, kind)
    score = float(first)
    # No text can hold these bytes: there, every quotation mark has a backslash before it.
    at = line.rfind(_MARGIN, found.end())
    if at > 0:
        margin = float(re.match(rb"[-0-9.]+", line[at + len(_MARGIN) :])[0])  # type: ignore[index]  # a number follows
    else:
        margin = score if second is None else score - float(second)
    return Line(int(index), label, score, margin, "")
