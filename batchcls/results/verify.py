"""`batchcls verify`: whether every line is there once, in order, parsed, and of its own image.

Reads only; takes no lock; constant memory. Works on a finished file, and on a part while it grows.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path

from batchcls.errors import RefusedError
from batchcls.images import Folder, ImageRef
from batchcls.job.shard import describe
from batchcls.results import echoes, record, verify_features
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.earlier_record import as_today
from batchcls.results.expected_line import ExpectedLine
from batchcls.results.recovery import Identity, Prefix, checksum, identify, lines
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage, blocks, opened
from batchcls.sources.nul_ended import Splitter
from batchcls.sources.url_names import as_listed

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, and where: line from 1 (0: nowhere in particular), byte it begins at."""

    line: int
    offset: int
    message: str

    def __str__(self) -> str:
        if not self.line:
            return self.message
        return f"line {self.line:,}, byte {self.offset:,}: {self.message}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` found.

    Attributes:
        finished: it has its final name.
        lines: good lines.
        ok: those with classes.
        failed: those with an error, by kind.
        expected: images on the inputs list, or in its part; None without the job's directory.
        notes: what could not be compared, and why.
        problems: the first of what is wrong.
        more: how many problems are not listed.
    """

    path: Path
    finished: bool
    lines: int
    ok: int
    failed: Mapping[str, int]
    expected: int | None
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    more: int

    @property
    def good(self) -> bool:
        """Nothing is wrong with what is there."""
        return not self.problems

    @property
    def complete(self) -> bool:
        """Nothing is wrong, and nothing is missing."""
        whole = self.expected is None or self.lines == self.expected
        return self.good and self.finished and whole


@dataclass(slots=True)
class _Findings:
    lines: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, line: int, offset: int, message: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line, offset, message))
        else:
            self.more += 1


def verify(results: Path, storage: Storage) -> VerifyReport:
    """Read a results file from beginning to end.

    Args:
        results: the final name; where there is only a part, the part is read.

    Raises:
        RefusedError: there is no such file.
        StoppedError: the disk fails.
    """
    paths = RunPaths.of(results)
    finished = storage.stat(paths.results) is not None
    path = paths.results if finished else paths.part
    findings = _Findings()
    with guard(path), opened(storage, path) as fd:
        manifest = _manifest(paths, storage, findings)
        if manifest is not None and finished and storage.stat(paths.part) is not None:
            # The directory describes the generation that will replace this file.
            findings.notes.append(
                f"{paths.part} will replace this file, whose inputs list no longer exists"
            )
            written, manifest = manifest.replaces, None
        elif manifest is not None:
            written = _written(paths, storage, manifest, findings)
        else:
            written = None
        named = _inputs(paths.inputs, storage, manifest, findings)
        first = manifest.lines.start if manifest is not None else 0
        features = verify_features.file_of(paths, storage, manifest)
        unfit = ""
        if features is not None and manifest is not None:
            unfit = verify_features.misfit(features, storage, manifest)
        with verify_features.rows_in(None if unfit else features, storage, manifest) as wrong:
            _check_lines(storage, fd, named, first, _line_form(manifest), wrong, findings)
        if unfit and (finished or findings.lines):
            findings.add(0, 0, unfit)
        _check_whole(storage, fd, written, finished=finished, findings=findings)
    expected = len(manifest.lines) if manifest is not None else None
    if finished and expected is not None and findings.lines < expected and not findings.problems:
        size = storage.stat(path)
        missing = expected - findings.lines
        findings.add(
            findings.lines + 1,
            size.size if size else 0,
            "1 line is missing" if missing == 1 else f"{missing:,} lines are missing",
        )
    failed = findings.failed
    return VerifyReport(
        path=path,
        finished=finished,
        lines=findings.lines,
        ok=findings.lines - failed.total(),
        failed=dict(failed),
        expected=expected,
        notes=tuple(findings.notes),
        problems=tuple(findings.problems),
        more=findings.more,
    )


def _manifest(paths: RunPaths, storage: Storage, findings: _Findings) -> manifests.Manifest | None:
    try:
        manifest = manifests.load(storage, paths.manifest)
    except RefusedError as error:
        findings.notes.append(str(error))
        return None
    if manifest is None:
        findings.notes.append(
            f"{paths.manifest} is missing, so names and their number were not compared"
        )
    else:
        if manifest.shard is not None:
            findings.notes.append(describe(manifest.shard, manifest.count))
        findings.notes += echoes.told(manifest.settings)
    return manifest


def _written(
    paths: RunPaths, storage: Storage, manifest: manifests.Manifest, findings: _Findings
) -> Identity | None:
    """What the file, or its beginning, was when it was written; None if that is not known."""
    try:
        found = marks.read(storage, paths.commit)
    except RefusedError as error:
        findings.notes.append(str(error))
        return None
    if found is None or found[0].run != manifest.run:
        return None
    return Prefix.of(found[0]).identity


def _check_whole(
    storage: Storage, fd: int, written: Identity | None, *, finished: bool, findings: _Findings
) -> None:
    if written is None:
        findings.notes.append(
            "there is no commit mark of this file, so its checksum was not compared"
        )
    elif findings.problems:
        pass  # a place says more than a checksum
    elif finished and identify(storage, fd) != written:
        findings.add(
            0, 0, f"the file is not the {written.size:,} bytes that were written (checksum)"
        )
    elif not finished and checksum(storage, fd, written.size) != written.crc32:
        findings.add(0, 0, f"the first {written.size:,} bytes are not what was written (checksum)")


def _line_form(manifest: manifests.Manifest | None) -> ExpectedLine | None:
    """What is known of every line; None for results of batchcls 0.1.0, and without a manifest."""
    labels = manifest.settings.get("labels") if manifest is not None else None
    return ExpectedLine.of(manifest.fingerprint, labels) if manifest and labels else None


def _inputs(
    path: Path, storage: Storage, manifest: manifests.Manifest | None, findings: _Findings
) -> Iterator[bytes | None]:
    """Name after name of the inputs list, None where they are unknown; without end."""
    if manifest is None:
        return repeat(None)
    try:
        manifests.require_inputs(storage, path, manifest)
    except RefusedError as error:
        findings.notes.append(str(error))
        return repeat(None)
    part = manifest.lines
    return chain(islice(_names(path, storage), part.start, part.stop), repeat(b""))


def _names(path: Path, storage: Storage) -> Iterator[bytes]:
    splitter = Splitter()
    with opened(storage, path) as fd:
        for block in blocks(storage, fd, 0):
            yield from splitter.split(block)


def _ref(index: int, name: bytes) -> ImageRef:
    return as_listed(index, os.fsdecode(name), Folder(""))


def _check_lines(
    storage: Storage,
    fd: int,
    named: Iterator[bytes | None],
    first: int,
    form: ExpectedLine | None,
    wrong: verify_features.Wrong,
    findings: _Findings,
) -> None:
    offset = 0
    for number, ((line, whole), name) in enumerate(
        zip(lines(blocks(storage, fd, 0)), named, strict=False), 1
    ):
        index = first + number - 1
        checked = record.check(as_today(line), index) if whole else None
        if not whole:
            findings.add(number, offset, "the line is incomplete")
        elif checked is None:
            findings.add(number, offset, f"this is not the line of image {index}")
        elif name is not None and not line.startswith(record.head(_ref(index, name)) + b","):
            findings.add(
                number, offset, "this is the line of another image than the inputs list names"
            )
        elif form is not None and name is not None and not form.fits(line, _ref(index, name)):
            findings.add(number, offset, "this is not what was written for its image")
        elif row := wrong(index, checked.failed is not None):
            findings.add(number, offset, row)
        else:
            findings.lines += 1
            if checked.failed is not None:
                findings.failed[checked.failed] += 1
        offset += len(line) + 1
