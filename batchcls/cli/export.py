"""``batchcls export``: results in the form that another program reads.

Exit codes: 0 written · 2 the command or the results do not allow it · 4 the disk is full or fails.
"""

import math
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from batchcls.cli.arguments import Debug, Where
from batchcls.cli.terminal import print_note, print_result
from batchcls.display.text import counted, safe
from batchcls.errors import UsageError
from batchcls.job.job import DEFAULT_OUTPUT
from batchcls.job.paths import absolute, expanded
from batchcls.report.export.kind import KINDS

if TYPE_CHECKING:
    pass

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="RESULTS...",
        help="Results file of the run; for label-studio also several of the same images.",
    ),
]
To = Annotated[str, typer.Option("--to", metavar="KIND", help=f"{', '.join(KINDS)}.")]
Out = Annotated[
    str, typer.Option("-o", "--output", metavar="OUT", help="File or folder to write; it is new.")
]
Corrected = Annotated[
    bool, typer.Option("--corrected", help="Labels as `batchcls review` corrected them.")
]
Corrections = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The same, from another file than that beside the results."),
]
LeaveOut = Annotated[
    bool, typer.Option("--leave-out", help="Leave out images that the kind cannot hold.")
]
Long = Annotated[
    bool, typer.Option("--long", help="One row for each class. Of tables. [one for each image]")
]
UrlPrefix = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="What stands before an image's path. Of label-studio. [/data/local-files/?d=]",
    ),
]
Copy = Annotated[bool, typer.Option("--copy", help="Copy the images. Of folders. [link to them]")]
Move = Annotated[
    bool, typer.Option("--move", help="Move the images; `--undo` puts them back. Of folders.")
]
KeepStructure = Annotated[
    bool,
    typer.Option("--keep-structure", help="Keep the images' own folders below. Of folders."),
]
UnsureBelow = Annotated[
    float | None,
    typer.Option(
        metavar="S", help="Put images whose score is lower into the folder unsure. Of folders."
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(metavar="S", help="Classes from this score on are keywords. Of xmp. [0.5]"),
]
Prefix = Annotated[
    str | None,
    typer.Option(metavar="WORD", help="The keyword that ours are below. Of xmp. [batchcls]"),
]
Undo = Annotated[
    bool, typer.Option("--undo", help="Take back what the export to OUT did. Of folders and xmp.")
]


def export(
    to: To,
    out: Out,
    sources: Sources = [DEFAULT_OUTPUT],  # noqa: B006 - typer reads it, and nobody changes it
    where: Where = None,
    corrected: Corrected = False,
    corrections: Corrections = None,
    leave_out: LeaveOut = False,
    long: Long = False,
    url_prefix: UrlPrefix = "",
    copy: Copy = False,
    move: Move = False,
    keep_structure: KeepStructure = False,
    unsure_below: UnsureBelow = None,
    min_score: MinScore = None,
    prefix: Prefix = None,
    undo: Undo = False,
    debug: Debug = False,
) -> int:
    """Write results in the form that another program reads.

    All of it or nothing: OUT appears when it is whole, and nothing is overwritten. Results that
    are still being written are taken as far as they are.
    """
    from batchcls.display.screens.reading_bar import reading_bar
    from batchcls.report import where as wheres
    from batchcls.report.corrections import said_of
    from batchcls.report.export import export as exporting
    from batchcls.report.export.kind import kind_of
    from batchcls.report.export.material import Choices, Material
    from batchcls.report.export.place import free
    from batchcls.report.rows import Results

    for option, score in (("--min-score", min_score), ("--unsure-below", unsure_below)):
        if score is not None and not math.isfinite(score):
            raise UsageError(f"{option} {score}: expected a number")
    kind = kind_of(to)
    choices = Choices(long, url_prefix, copy, move, keep_structure, unsure_below, min_score, prefix)
    exporting.check(to, kind, choices, sources)
    place = absolute(expanded(out.rstrip("/") or out))
    if undo:
        count = exporting.undo(to, kind, place)
        print_result(safe(f"{out}: {counted(count, 'image', 'images')}, taken back"))
        return 0
    if count := exporting.went_on(kind, place):
        print_note(f"batchcls: {out} was begun before and is now complete, as it was begun")
        print_result(safe(f"{out}: {counted(count, 'image', 'images')}"))
        return 0
    known = corrected or corrections is not None
    test = None if where is None else wheres.parse(where, corrections=known)
    path = free(out)
    results = [Results.find(source) for source in sources]
    said = said_of(results[0].path, corrections) if known else None
    for one in results:
        if not one.complete:
            print_note(f"batchcls: {one.path} is not complete; these are its results so far")
    with reading_bar(sys.stderr, str(results[0].path), results[0].size) as passed:
        material = Material(results, choices, test, said, passed)
        exporting.export(to, kind, material, path, leave_out=leave_out)
    if material.refused:
        print_note(f"batchcls: warning: left out:\n{material.refused}")
    failed = f", {material.failed:,} failed" if material.failed else ""
    print_result(safe(f"{out}: {counted(material.images, 'image', 'images')}{failed}"))
    return 0
