"""``--to folders``: each image in a folder of its class, by link, as a copy, or moved there.

OUT is made of links first, whole; to move is then to put each file where its link was. A link can
be told from a picture, needs no space, leads to other disks, and is safely thrown away; a hard link
can do none of the first three. ``images.jsonl`` has each image's label, folder and old place.
"""

import itertools
import os
import posixpath
import time
from pathlib import Path

from batchcls.errors import UsageError
from batchcls.report.export import moving, steps
from batchcls.report.export.files import is_remote, root
from batchcls.report.export.kind import Kind
from batchcls.report.export.material import Choices, Material
from batchcls.report.export.moving import Seen
from batchcls.report.export.slugs import Slugs
from batchcls.report.export.steps import Step, Steps
from batchcls.report.rows import Row
from batchcls.sources.containers.kinds import container_path

TABLE = "images.jsonl"
FAILED, UNSURE = "failed", "unsure"
LONGEST = 255
"""Bytes of a file's name."""


def write(material: Material, out: Path) -> None:
    """See `Kind`."""
    choices, results = material.choices, material.results[0]
    if choices.move and choices.copy:
        raise UsageError("--copy and --move: choose one of them")
    if choices.move and not results.complete:
        raise UsageError(f"{results.path} is not complete; `--move` would take images from the run")
    below, slugs, made = root(results.path), Slugs(FAILED, UNSURE, TABLE), set[Path]()
    written_ns = results.path.stat().st_mtime_ns
    out.mkdir()
    how = "move" if choices.move else "copy" if choices.copy else "link"
    with (out / TABLE).open("x", encoding="ascii") as table:
        table.write(steps.head("folders", how=how))
        for row in material.rows():
            source = below / row.record.path
            if why := _why_not(row.record.path, source, written_ns, how):
                material.refuse(row, why)
                continue
            name = f"{_folder(row, choices, slugs)}/"
            name += _inside(row.record.path) if choices.keep_structure else source.name
            to = _put(source, out, name, row.record.index, made, copied=choices.copy)
            was = moving.seen(out / to if choices.copy else source, through_links=True)
            known = {"i": row.record.index, "path": row.record.path, "label": row.label}
            table.write(steps.line({**known, "to": to, "from": str(source), "was": was}))
        if not choices.move:
            table.write(steps.DONE + "\n")


def _folder(row: Row, choices: Choices, slugs: Slugs) -> str:
    """Where an image goes; what a person named is sure, and did not fail."""
    label, score, least = row.label, row.score, choices.unsure_below
    if label is None:
        return UNSURE if row.failure is None else FAILED
    return UNSURE if least is not None and score is not None and score < least else slugs[label]


def _why_not(path: str, source: Path, written_ns: int, how: str) -> str:
    if is_remote(path):
        return "not a file on this machine"
    if container_path(path):
        return "inside a container or a file of several pictures"
    if how == "move" and source.is_symlink():
        return "a symbolic link, which `--move` would break"
    found = moving.seen(source, through_links=True)
    if found is None:
        return "no longer there"
    changed_ns = found.mtime_ns
    if changed_ns > time.time_ns():  # by a clock that was wrong: not what tells
        changed_ns = source.stat().st_ctime_ns
    return "changed since the run" if changed_ns > written_ns else ""


def _inside(path: str) -> str:
    """A path that leads out of no folder."""
    return "/".join(part for part in path.split("/") if part not in {"", ".", ".."})


def _put(
    source: Path, out: Path, name: str, index: int, made: set[Path], *, copied: bool
) -> str:  # fmt: skip
    """Link or copy a file, under a name with its index where another file has the name."""
    for count in itertools.count(1):
        to = name if count == 1 else _numbered(name, f"~{index}" + f"~{count}" * (count > 2))
        target = out / to
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        if not os.path.lexists(target):
            break  # else it may be another image's own name
    if copied:
        moving.copy(source, target)
    else:
        target.symlink_to(source)
    return to


def _numbered(name: str, number: str) -> str:
    folder, file = posixpath.split(name)
    stem, ending = posixpath.splitext(file)
    tail = f"{number}{ending}"
    most = LONGEST - len(os.fsencode(tail))
    return f"{folder}/{os.fsdecode(os.fsencode(stem)[:most])}{tail}"


def do(out: Path, head: Step, step: Step) -> str:
    """Put a file where its link is."""
    source, target = Path(step["from"]), out / step["to"]
    if not os.path.lexists(source):
        return "" if moving.seen(target) else "no longer there"
    if moving.seen(source) != Seen(*step["was"]):
        return "changed since the export began"
    if _is_link(target, source):
        target.unlink()
    return moving.move(source, target, out / ".moving")


def undo(out: Path, head: Step, step: Step) -> str:
    """Remove a link or a copy, or put a file back; then the folders that are empty."""
    source, target = Path(step["from"]), out / step["to"]
    why = ""
    (out / ".moving").unlink(missing_ok=True)
    if _is_link(target, source):
        target.unlink()
    elif head["how"] == "move" and os.path.lexists(target):
        source.parent.mkdir(parents=True, exist_ok=True)
        why = moving.move(target, source, source.with_name(f".batchcls-{step['i']}.moving"))
    elif os.path.lexists(target):
        if head["how"] != "copy" or moving.seen(target) != Seen(*step["was"]):
            return f"{target} is not what the export put there"
        target.unlink()
    for folder in target.parents:
        if why or folder == out:
            break
        try:
            folder.rmdir()
        except OSError:
            break
    return why


def _is_link(path: Path, to: Path) -> bool:
    return path.is_symlink() and path.readlink() == to


KIND = Kind(
    write,
    takes=frozenset({"copy", "move", "keep_structure", "unsure_below"}),
    steps=Steps("folders", lambda out: out / TABLE, do, undo),
)
