"""``batchcls status``: how far a run is, in a few lines.

Exit codes: 0 running or complete · 2 no such run, or its files cannot be read or were changed · 4
ended early or its process is gone; the same command resumes.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from batchcls.cli.arguments import Debug, Results
from batchcls.cli.terminal import print_result
from batchcls.display.text import count, counted, duration, safe
from batchcls.errors import BatchclsError
from batchcls.job.job import DEFAULT_OUTPUT

if TYPE_CHECKING:
    from batchcls.display.snapshot import Snapshot
    from batchcls.results.rundir import RunPaths

FRESH_S = 30.0
"""A run on another machine that wrote its progress so lately is taken to be running."""

_BLOCK = 1 << 20


def status(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> int:
    """Show how far a run is: running, stopped or complete."""
    from batchcls.cli.run_progress import last_snapshot
    from batchcls.results.rundir import RunPaths

    paths = RunPaths.find(results)
    lines, code = render_status(paths, last_snapshot(paths))
    print_result("\n".join(map(safe, lines)))
    return code


def render_status(paths: "RunPaths", snapshot: "Snapshot | None") -> tuple[list[str], int]:
    """What `status` prints, and its exit code."""
    from batchcls.cli.run_progress import changed_since
    from batchcls.display.screens.plain import machine_lines, progress_line, title_line

    # A part beside complete results is of the generation that will replace them.
    there = paths.results.exists()
    complete = there and not paths.part.exists()
    written = paths.results if complete else paths.part
    written_lines = f"{counted(count_lines(written), 'line', 'lines')} in {written}"
    if there and not complete:
        written_lines += f", which will replace {paths.results}"
    if snapshot is None:
        return [written_lines], 0 if complete else 4
    lines = [title_line(snapshot), progress_line(snapshot), written_lines]
    if snapshot.failed_by_kind:
        kinds = (f"{kind} {count(n)}" for kind, n in snapshot.failed_by_kind.items())
        lines.append(f"failed: {', '.join(kinds)}")
    lines += machine_lines(snapshot)
    lines += [f"warning: {warning}" for warning in snapshot.warnings]
    last, code = _render_end(snapshot, changed_since(paths, snapshot))
    return [*lines, *_render_machines(paths), last], code


def _render_machines(paths: "RunPaths") -> list[str]:
    from batchcls.job.shard import describe
    from batchcls.model.devices.agreement import Agreement
    from batchcls.results import echoes, manifest, unchecked
    from batchcls.results.storage import PosixStorage

    storage = PosixStorage()
    try:
        found = manifest.load(storage, paths.manifest)
        first = None if found is None else unchecked.load(storage, paths, found.run)
    except BatchclsError:  # whoever resumes is told
        return []
    if found is None:
        return []
    shard = [] if found.shard is None else [describe(found.shard, found.count)]
    agreed = [str(Agreement.from_dict(one)) for one in found.settings.get("agreement") or ()]
    left = [f"warning: {one}" for one in unchecked.told(found.settings)]
    if first is not None:
        left.append(f"from image {first} on, no check of the devices has passed yet")
    return [*shard, *echoes.told(found.settings), *agreed, *left]


def _render_end(snapshot: "Snapshot", changed: str) -> tuple[str, int]:
    """Whether the run is still going on, and what to do if it is not."""
    from batchcls.cli.run_progress import writer_of

    age = max(0.0, time.time() - snapshot.updated_at)
    ago = f"{duration(age)} ago"
    if snapshot.state == "done":
        return (f"ended {ago}; since then: {changed}", 2) if changed else (f"ended {ago}", 0)
    if snapshot.finished:
        return f"ended {ago}; run the same command to resume", 4
    process = f"process {snapshot.pid} on {snapshot.host}"
    match writer_of(snapshot):
        case "alive":
            doing = "waiting for new images" if snapshot.state == "waiting" else "working"
            return f"{process} is {doing}, last heard from {ago}", 0
        case "gone":
            return f"{process} ended (last seen {ago}); run the same command to resume", 4
    fresh = age < FRESH_S
    return f"{process} was last heard from {ago}; it runs on another machine", 0 if fresh else 4


def count_lines(path: Path) -> int:
    """Lines of a file, 0 if there is none."""
    lines = 0
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                lines += block.count(b"\n")
    except FileNotFoundError:
        pass
    return lines
