"""Results whose labels and names are hard to write down elsewhere."""

import os
from collections.abc import Sequence
from pathlib import Path

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.results import record

LABELS = (
    "tabby", "</script>", "=1+1", "+1", "-1", "@SUM(A1)", "\tcat", "\rcat", "a/b", "x" * 300,
    "\u202etac", 'a "b", c', "a,b", "a\nb", "a\r\nb", "'c'", "NA", "null", "None", "nan", "true",
    "0012", "1e5", "2024-01-01", "", " ", "&amp;", "猫", "\U0001f408", "tench, Tinca tinca", "\\N",
)  # fmt: skip
NUL = "N\0UL"
NAMES = ("a b/c#d.jpg", "a&b.jpg", "=1.jpg", "ü.png", "%41.jpg", "a?b.jpg", "a'b.jpg", 'a"b.jpg')
NOT_UTF8 = os.fsdecode(b"d/\xff.jpg")
MEMBER = "shard.tar//a.jpg"
FRAME = "scan.tif//2"


def lines(
    labels: Sequence[str] = LABELS, names: Sequence[str] = NAMES, **facts: float
) -> list[bytes]:
    """A line for each label, best of three, under these names, then a failure, then no class."""
    made = []
    for index, label in enumerate(labels):
        name = names[index] if index < len(names) else f"d/{index}.jpg"
        others = [labels[(index + n) % len(labels)] for n in (1, 2)]
        top = [
            Prediction(index, label, 0.75),
            *(Prediction(900 + n, o, 0.1) for n, o in enumerate(others)),
        ]
        made.append(record.ok_line(ImageRef(index, name), top, facts))
    n = len(labels)
    failure = Failure("truncated", "the file ends, early")
    made.append(record.failure_line(ImageRef(n, "d/failed.jpg"), failure))
    made.append(record.ok_line(ImageRef(n + 1, "d/none.jpg"), []))
    return made


def put(path: Path, made: Sequence[bytes] | None = None) -> Path:
    """Write a results file."""
    path.write_bytes(b"".join(line + b"\n" for line in (lines() if made is None else made)))
    return path
