"""What tells whether a file has changed, without reading it."""

import os
import time
from typing import NamedTuple


class Signature(NamedTuple):
    """What changes when a file is written to."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def older(self, seconds: float) -> bool:
        """By its times it has not changed for so long; never where its clock is ahead of ours."""
        return time.time_ns() - max(self.mtime_ns, self.ctime_ns) >= seconds * 1e9


def signature_of(path: bytes) -> Signature | None:
    """Of a file as it is now, a broken link included; None if there is none."""
    for look in (os.stat, os.lstat):
        try:
            found = look(path)
        except (OSError, ValueError):
            continue
        return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return None
