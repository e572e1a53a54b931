"""Makes a rename in a directory last through a power loss, where that can be done."""

import errno
import os
from pathlib import Path

UNABLE_TO_SYNC = frozenset({
    errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES,
})  # fmt: skip
"""What shares say that cannot sync directories (SMB, some of FUSE and NFS), or that let one write
without reading. They have no way to make a name last, so nothing is lost by going on."""


def sync_directory(path: Path) -> None:
    """Make the names in a directory last through a power loss, where that can be done."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in UNABLE_TO_SYNC:
            raise
    finally:
        os.close(fd)
