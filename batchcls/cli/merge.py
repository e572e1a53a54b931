"""``batchcls merge``: the results of all shards become the file that one machine would write.

Exit codes: 0 merged · 2 the shards are not complete or do not fit together · 4 stopped early; the
same command completes it.
"""

from typing import Annotated

import typer

from batchcls.cli.arguments import Debug
from batchcls.cli.terminal import print_note, print_result
from batchcls.display.text import counted, safe

Out = Annotated[str, typer.Argument(metavar="OUT", help="Results file to write.")]
Shards = Annotated[
    list[str], typer.Argument(metavar="SHARD...", help="Results files of all shards.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over; discard what OUT holds.")]
MixedProcessors = Annotated[
    bool,
    typer.Option("--mixed-processors", help="Accept shards whose scores are rounded differently."),
]


def merge(
    out: Out,
    shards: Shards,
    fresh: Fresh = False,
    mixed_processors: MixedProcessors = False,
    debug: Debug = False,
) -> int:
    """Join the results of all shards (`run --shard`) into one file."""
    from batchcls.results.merge import merge as join
    from batchcls.results.storage import PosixStorage

    merged = join(out, shards, PosixStorage(), fresh=fresh, mixed_processors=mixed_processors)
    for note in merged.notes:
        print_note(f"batchcls: warning: {safe(note)}")
    failed = f", {counted(merged.failed, 'image', 'images')} failed" if merged.failed else ""
    print_result(
        safe(
            f"{out}: {counted(merged.images, 'line', 'lines')} of "
            f"{counted(len(shards), 'shard', 'shards')}{failed}"
        )
    )
    return 0
