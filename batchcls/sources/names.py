"""Which file names below a directory are considered: shell patterns, without case."""

import fnmatch
import os
import re
from collections.abc import Callable, Sequence

from batchcls.errors import SourceError

SPECIAL = re.compile(r"[*?\[]")

NOBODYS = (
    "@eaDir", "#recycle", "@Recycle", "@Recently-Snapshot", "#snapshot",  # Synology, QNAP
    ".@__thumb", ".thumbnails", ".thumbs", "__MACOSX",
    "$RECYCLE.BIN", "RECYCLER", "System Volume Information", ".Trash", ".Trash-*", ".Trashes",
    ".ipynb_checkpoints", "lost+found",
    ".~tmp~", ".rsync-partial",  # rsync's, for what it has not finished
)  # fmt: skip
"""Folders that programs make below people's folders: thumbnails, deleted files, copies."""


def name_filter(patterns: Sequence[str]) -> Callable[[bytes], bool]:
    """A test of one raw file name against shell patterns.

    ASCII letters match without case; other bytes match as they are. The usual ``*.ext`` patterns
    do without regular expressions, since this is called for every name of millions.

    Raises:
        SourceError: no patterns.
    """
    if not patterns:
        raise SourceError("no file-name patterns; name some, for example `--names '*.jpg'`")
    suffixes: list[bytes] = []
    others: list[bytes] = []
    for pattern in patterns:
        # A byte per character, so that names of any encoding go through fnmatch's translation.
        raw = os.fsencode(pattern).decode("latin-1")
        if raw.startswith("*") and not SPECIAL.search(raw[1:]):
            suffixes.append(os.fsencode(pattern)[1:].lower())
        else:
            others.append(fnmatch.translate(raw).encode("latin-1"))
    endings = tuple(suffixes)
    if not others:
        return lambda name: name.lower().endswith(endings)
    match = re.compile(b"|".join(others), re.IGNORECASE).match
    return lambda name: name.lower().endswith(endings) or match(name) is not None
