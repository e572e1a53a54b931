"""What an export has written."""

import os
from pathlib import Path


def content(path: Path) -> dict[str, bytes | str]:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if not p.is_dir()]
    return {
        str(f.relative_to(path)): os.readlink(f) if f.is_symlink() else f.read_bytes()
        for f in files
    }
