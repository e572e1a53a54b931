"""What came of a run, and the exit code that says so."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchcls.job.job import Job
from batchcls.results.manifest import Manifest
from batchcls.results.rundir import RunPaths


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run.

    Attributes:
        results: the results file.
        images: lines in it.
        ok: lines with classes.
        failed: lines with an error.
        failed_by_kind: the same by kind.
        resumed: lines that were there already.
        elapsed_s: seconds of this session.
        fps: images/s of this session, after start-up.
        left_out: files that were not labelled because of their names, by ending, and folders.
        exit_code: 0, or 3 when more images failed than the job allows, or all of them.
    """

    results: Path
    images: int
    ok: int
    failed: int
    failed_by_kind: Mapping[str, int] = field(default_factory=dict)
    resumed: int = 0
    elapsed_s: float = 0.0
    fps: float = 0.0
    left_out: Mapping[str, int] = field(default_factory=dict)
    exit_code: int = 0


def result(
    paths: RunPaths,
    listed: Mapping[str, Any],
    total: int,
    failed: Mapping[str, int],
    job: Job,
    resumed: int = 0,
    elapsed_s: float = 0.0,
    fps: float = 0.0,
) -> RunResult:
    """The result of a complete run; exit code 3 when too many images failed, or every one.

    Args:
        listed: `InputsList.as_dict`.
        total: lines of the results.
    """
    left_out = dict(listed.get("left_out", {}))
    count = sum(failed.values())
    code = 3 if too_many(count, total, job.max_failed) else 0
    return RunResult(
        paths.results, total, total - count, count, dict(failed), resumed, elapsed_s, fps,
        left_out, code,
    )  # fmt: skip


def too_many(failed: int, total: int, allowed: str | None) -> bool:
    """Whether more images failed than ``--max-failed`` ("50" or "2%") allows.

    Where it says nothing, any number may, but for all: a night in which nothing was labelled is no
    success.
    """
    if allowed is None:
        return failed == total > 0
    if allowed.endswith("%"):
        return failed * 100 > float(allowed[:-1]) * total
    return failed > int(allowed)


def already_complete(
    paths: RunPaths, manifest: Manifest, failed: Mapping[str, int], job: Job
) -> RunResult:
    """The result of a run that was complete before it began, told to whoever asked."""
    from batchcls.display.summary.summary_lines import show_complete

    total = len(manifest.lines)
    if job.progress not in ("json", "none"):
        show_complete(job.output, total, sum(failed.values()), sys.stdout)
    return result(paths, manifest.inputs, total, failed, job, resumed=total)
