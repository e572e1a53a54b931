"""Where batchcls keeps what it can make or fetch again: one folder for each user."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/batchcls``; ``~/.cache/batchcls`` where that is unset or not absolute.

    Source: XDG Base Directory Specification, which has relative paths ignored.

    Raises:
        RuntimeError: the user has no home directory.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path("~/.cache").expanduser()
    return base / "batchcls"
