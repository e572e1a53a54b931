"""``batchcls verify``: is every image's line there, once, in order, whole?

Exit codes: 0 complete and right · 2 something is wrong · 4 right so far, but not complete.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

from batchcls.cli.arguments import AsJson, Debug, Results
from batchcls.cli.terminal import print_json, print_result
from batchcls.display.text import counted
from batchcls.job.job import DEFAULT_OUTPUT

if TYPE_CHECKING:
    from batchcls.results.verify import VerifyReport


def verify(results: Results = DEFAULT_OUTPUT, as_json: AsJson = False, debug: Debug = False) -> int:
    """Check that every image has its line: once, in order, whole."""
    from batchcls.report.lines import results_file
    from batchcls.results.storage import PosixStorage
    from batchcls.results.verify import verify as check

    path = results_file(results)[0]
    found = check(path.with_name(path.name.removesuffix(".part")), PosixStorage())
    if as_json:
        plain = {**asdict(found), "path": str(found.path)}
        print_json({**plain, "good": found.good, "complete": found.complete})
    else:
        print_result(render_report(found))
    return 0 if found.complete else 4 if found.good else 2


def render_report(found: "VerifyReport") -> str:
    """What was found, for people."""
    expected = "" if found.expected is None else f" of {found.expected:,}"
    lines = [f"{found.path}: {found.lines:,}{expected} lines are right"]
    if found.failed:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(found.failed.items()))
        lines.append(f"{counted(sum(found.failed.values()), 'image', 'images')} failed: {kinds}")
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"wrong: {problem}" for problem in found.problems]
    if found.more:
        lines.append(f"wrong: {found.more:,} more")
    if found.complete:
        lines.append("complete")
    elif found.good:
        lines.append("not complete; run the same command to resume")
    else:
        lines.append("damaged; restore a copy, or start over with `--fresh`")
    return "\n".join(lines)
