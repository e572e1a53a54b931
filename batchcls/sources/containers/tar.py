"""Lists the members of a tar by its headers, one after the other; no content is read.

Headers are the standard library's business (ustar, GNU's long names, pax). Where an archive ends
is decided here: `TarFile.next` takes a damaged header for the end, and so would lose what follows.
"""

import os
import tarfile
from collections.abc import Iterator
from typing import IO

from batchcls.sources.containers.listed import DamagedError, Left, Listed

BLOCK = tarfile.BLOCKSIZE
ZEROS = bytes(BLOCK)
PADDING = 1 << 20
"""Zeros behind an archive that are passed over to look for another: `cat a.tar b.tar`."""


def members(file: IO[bytes], size: int, left: Left) -> Iterator[Listed]:
    """The files of a tar, in its order.

    Args:
        file: open for reading bytes.
        size: its length.
        left: takes what is no file of its own.

    Raises:
        DamagedError: it is no tar, or not whole.
    """
    try:
        tar = tarfile.TarFile(fileobj=file, encoding="utf-8", errors="surrogateescape")
    except tarfile.TarError as error:
        raise DamagedError(f"not a tar archive ({error})") from error
    offset = 0
    while (found := _next_header(file, offset, size)) is not None:
        file.seek(found)
        try:
            info = tarfile.TarInfo.fromtarfile(tar)
        except tarfile.HeaderError as error:
            raise DamagedError(f"the header at byte {found:,} is damaged ({error})") from error
        offset = tar.offset
        # A size below nothing would lead back, and round and round.
        # And one beyond the next header (pax may give another than that) into other members.
        beyond = info.isreg() and not info.issparse() and info.offset_data + info.size > offset
        if info.size < 0 or offset <= found or info.offset_data < found or beyond:
            raise DamagedError(f"the header at byte {found:,} gives an impossible size")
        if offset > size:
            raise DamagedError(f"it ends early, in the member whose header is at byte {found:,}")
        name = os.fsencode(info.name)
        if info.isdir():
            continue
        if info.islnk() or info.issym():
            left.add(name, "links to other members")
        elif info.issparse() or not info.isreg():
            left.add(name, "members that are no plain files")
        else:
            yield Listed(name, 0, info.offset_data, info.size, info.size, 0)


def _next_header(file: IO[bytes], offset: int, size: int) -> int | None:
    """Where the next header is, at `offset` or behind an archive's end; None where all ends."""
    file.seek(offset)
    if (block := file.read(BLOCK)) != ZEROS:
        if len(block) < BLOCK:
            raise DamagedError("it ends early, without the mark at a tar's end")
        return offset
    if file.read(BLOCK) != ZEROS:
        raise DamagedError("it ends early, within the mark at a tar's end")
    for at in range(offset + 2 * BLOCK, min(size, offset + PADDING), BLOCK):
        if (block := file.read(BLOCK)).strip(b"\0"):
            return at
    return None
