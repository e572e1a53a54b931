"""``--to xmp``: the classes of each image as keywords in its sidecar, merged with what is there.

OUT is the journal: each sidecar that changes, with what it was before. The images themselves are
never written to, and no date is.
"""

import base64
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from batchcls.errors import UsageError
from batchcls.job.job import RAW_NAMES
from batchcls.report.export import steps
from batchcls.report.export.files import is_remote, root
from batchcls.report.export.keywords import NEW, merged
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Material
from batchcls.report.export.sidecar import LARGEST, NotMergedError
from batchcls.report.export.steps import Step, Steps
from batchcls.report.rows import Row
from batchcls.results.storage import CREATE, PosixStorage, opened, read_all, write_all
from batchcls.sources.containers.kinds import container_path

MIN_SCORE = 0.5
PREFIX = "batchcls"
RAW = frozenset({pattern.removeprefix("*") for pattern in RAW_NAMES} | {".3fr"})
_LEVELS = frozenset("|/")


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    choices = material.choices
    prefix = PREFIX if choices.prefix is None else choices.prefix
    if not (prefix == prefix.strip() and prefix.isprintable()) or {*prefix} & {*_LEVELS, ","}:
        raise UsageError(f"--prefix {prefix}: expected a word without commas, slashes and |")
    least = MIN_SCORE if choices.min_score is None else choices.min_score
    below, of_raw = root(material.results[0].path), set[int]()
    with out.open("x", encoding="ascii") as journal:
        journal.write(steps.head("xmp", prefix=prefix))
        for row in material.rows():
            if row.failure is not None and row.corrected is None:
                continue
            labels = _labels(row, least)
            if why := _why_not(row.record.path, below / row.record.path, labels):
                material.refuse(row, why)
                continue
            sidecar = sidecar_of(below / row.record.path)
            if not sidecar.name.startswith(Path(row.record.path).name):
                if hash(sidecar) in of_raw:
                    material.refuse(row, "another raw file has the same sidecar")
                    continue
                of_raw.add(hash(sidecar))
            try:
                earlier = _read(sidecar)
                after = _after(earlier, labels, prefix)
            except NotMergedError as error:
                material.refuse(row, f"a sidecar {error}")
                continue
            if after not in {earlier, NEW}:
                journal.write(steps.line(_step(row, sidecar, labels, earlier, after)))


def sidecar_of(image: Path) -> Path:
    """Where an image's keywords are: in ``a.jpg.xmp``, of raw files by Adobe's rule in ``a.xmp``.

    The other name counts for a raw file whose sidecar has it.
    """
    full = image.with_name(image.name + ".xmp")
    if image.suffix.lower() not in RAW or os.path.lexists(full):
        return full
    return image.with_suffix(".xmp")


def _labels(row: Row, least: float) -> list[str]:
    if row.corrected is not None:
        return [row.corrected] if row.corrected else []
    return list(dict.fromkeys(one.label for one in row.top if one.score >= least))


def _why_not(path: str, image: Path, labels: Sequence[str]) -> str:
    if is_remote(path):
        return "not a file on this machine"
    if container_path(path):
        return "inside a container or a file of several pictures"
    if not image.is_file():
        return "no longer there"
    for label in labels:
        if not label.strip() or any(_barred(char) for char in label):
            return "a label that is blank or has characters which XML cannot hold"
        if _LEVELS & {*label}:
            return "a label with / or |, which would be taken for levels of keywords"
    return ""


def _barred(char: str) -> bool:
    code = ord(char)
    return code < 32 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE


def _read(sidecar: Path) -> bytes | None:
    """What is in a sidecar; None where there is none."""
    found = PosixStorage().stat(sidecar)
    if found is None:
        return None
    if not found.regular:
        raise NotMergedError("which is no plain file")
    if found.size > LARGEST:
        raise NotMergedError(f"larger than {LARGEST >> 20} MiB")
    try:
        return read_all(PosixStorage(), sidecar)
    except PermissionError:
        raise NotMergedError("that cannot be read") from None


def _step(
    row: Row, sidecar: Path, labels: Sequence[str], earlier: bytes | None, after: bytes
) -> Step:  # fmt: skip
    return {
        "i": row.record.index, "path": row.record.path, "from": str(sidecar), "labels": labels,
        "earlier": None if earlier is None else base64.b64encode(earlier).decode(),
        "after": hashlib.sha256(after).hexdigest(),
    }  # fmt: skip


def do(out: Path, head: Step, step: Step) -> str:
    """Write a sidecar, if it is what it was when the journal was made."""
    sidecar, earlier = Path(step["from"]), _earlier(step)
    now = _now(sidecar)
    if _is(step, now):
        return ""
    if now != earlier:
        return f"{sidecar} has changed since the export began"
    _replace(sidecar, _after(earlier, step["labels"], head["prefix"]))
    return ""


def undo(out: Path, head: Step, step: Step) -> str:
    """Put a sidecar back, if nobody has changed it since."""
    sidecar, earlier = Path(step["from"]), _earlier(step)
    now = _now(sidecar)
    _aside(sidecar).unlink(missing_ok=True)
    if now == earlier:
        return ""
    if not _is(step, now):
        return f"{sidecar} has changed since the export"
    if earlier is None:
        sidecar.unlink()
    else:
        _replace(sidecar, earlier)
    return ""


def _after(earlier: bytes | None, labels: Sequence[str], prefix: str) -> bytes:
    """What a sidecar becomes. Most images have none, and few sets of classes are frequent."""
    return _new(tuple(labels), prefix) if earlier is None else merged(earlier, labels, prefix)


@functools.lru_cache(4096)
def _new(labels: tuple[str, ...], prefix: str) -> bytes:
    return merged(NEW, labels, prefix)


def _now(sidecar: Path) -> bytes | None:
    """What is in a sidecar; what nobody can have written for us where it is no plain file."""
    try:
        return _read(sidecar)
    except NotMergedError:
        return b""


def _earlier(step: Step) -> bytes | None:
    return None if step["earlier"] is None else base64.b64decode(step["earlier"])


def _is(step: Step, now: bytes | None) -> bool:
    return now is not None and hashlib.sha256(now).hexdigest() == step["after"]


def _aside(sidecar: Path) -> Path:
    return sidecar.with_name(f".{hashlib.sha256(os.fsencode(sidecar.name)).hexdigest()[:16]}.xmp~")


def _replace(sidecar: Path, data: bytes) -> None:
    """Give a sidecar another content, or make it, so that nobody sees half of it."""
    storage, aside = PosixStorage(), _aside(sidecar)
    there = storage.stat(sidecar) is not None
    storage.unlink(aside)
    with opened(storage, aside, CREATE | os.O_EXCL) as fd:
        write_all(storage, fd, data, 0)
        if there:
            with opened(storage, sidecar) as old:
                storage.copy_mode(old, fd)
        storage.fsync(fd)
    if there:
        storage.rename(aside, sidecar)
    else:
        storage.rename_new(aside, sidecar)


KIND = Kind(
    write,
    takes=frozenset({"min_score", "prefix"}),
    steps=Steps("xmp", lambda out: out, do, undo, side_by_side=True),
)
