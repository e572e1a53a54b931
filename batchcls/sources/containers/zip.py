"""Lists the members of a zip by its central directory, a block at a time, and reads one of them.

By hand, since the standard library makes an object of every entry: 2.4 GB for five million. What
the format says is in PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.

Rules of this file:

1. The directory must be all of its own: it ends where its end record begins, and its entries are as
   many as that says.
2. No two members share a byte: that is how a few kilobytes unpack to terabytes.
3. A member is what both its header and its entry in the directory say, or it is `corrupt`.
"""

import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from typing import IO

from batchcls.errors import ImageError
from batchcls.images import ImageRef, Member
from batchcls.sources.containers.handle import Handle
from batchcls.sources.containers.kinds import BETWEEN
from batchcls.sources.containers.listed import DamagedError, Left, Listed

END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END_64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s6H3L5H2L")
HEADER = struct.Struct("<4s5H3L2H")
LONGEST_COMMENT = (1 << 16) - 1
IN_64 = (1 << 32) - 1
ZIP64_FIELD = 1

STORED, DEFLATED = 0, 8
ENCRYPTED = 255
"""Stands in a place for any method under a password; no method of the format has this number."""
METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard",
           95: "XZ", 97: "WavPack", 98: "PPMd"}  # fmt: skip

UTF_8, LOCKED = 1 << 11, 1
SYMLINK, FILE_TYPE = 0o120000, 0o170000


def members(file: IO[bytes], size: int, left: Left) -> Iterator[Listed]:
    """The files of a zip, in the order of its directory.

    Args:
        file: open for reading bytes.
        size: its length.
        left: takes what is no file of its own.

    Raises:
        DamagedError: it is no zip, not whole, or made to unpack without end.
    """
    start, length, count, shift = _directory(file, size)
    file.seek(start)
    ranges = _Ranges(start)
    files = locked = 0
    for number in range(count):
        at = file.tell()
        fixed = _exactly(file, ENTRY.size)
        (mark, system, _, flags, method, _, _, crc32, stored, unpacked, of_name, of_extra,
         of_comment, _, _, attributes, offset) = ENTRY.unpack(fixed)  # fmt: skip
        if mark != b"PK\1\2":
            raise DamagedError(f"entry {number:,} of its directory is damaged")
        raw, extra = _exactly(file, of_name), _exactly(file, of_extra)
        file.seek(of_comment, os.SEEK_CUR)
        if file.tell() > start + length:
            raise DamagedError(f"entry {number:,} of its directory is damaged")
        unpacked, stored, offset = _in_64(extra, unpacked, stored, offset, number)
        offset += shift
        ranges.add(offset, offset + HEADER.size + of_name + stored, at)
        if raw.endswith(b"/"):
            continue
        name = _name(raw, flags)
        if system >> 8 == 3 and attributes >> 16 & FILE_TYPE == SYMLINK:
            left.add(name, "links to other members")
        else:
            files += 1
            locked += flags & LOCKED
            method = ENCRYPTED if flags & LOCKED else min(method, ENCRYPTED - 1)
            yield Listed(name, method, offset, stored, unpacked, crc32)
    if file.tell() != start + length:
        raise DamagedError("its directory has more entries than its end says")
    ranges.require_apart()
    if locked and locked == files:  # else the run would stop at so many failures of one kind
        raise DamagedError("it is encrypted, so unpack it with its password")


def read(handle: Handle, image: ImageRef, member: Member) -> bytes:
    """A member's bytes, unpacked.

    Raises:
        ImageError: denied where it is encrypted; corrupt; changed.
    """
    if member.method == ENCRYPTED:
        raise ImageError("denied", "encrypted; unpack its archive with the password")
    if member.method not in (STORED, DEFLATED):
        name = METHODS.get(member.method, f"method {member.method}")
        raise ImageError("corrupt", f"compressed by {name}, which is not supported; repack it")
    if member.method == STORED and member.stored != member.size:
        raise ImageError("corrupt", "its archive gives it two sizes")
    inner = os.fsencode(image.path[len(member.container.path) + len(BETWEEN) :])
    # The header's extra field is not in the directory: there is room for a usual one.
    room = min(HEADER.size + len(inner) + 64 + member.stored, member.container.size - member.offset)
    data = handle.read_at(member.offset, max(room, 0))
    if len(data) < HEADER.size:
        raise _corrupt()
    mark, _, flags, method, _, _, _, _, _, of_name, of_extra = HEADER.unpack_from(data)
    begin = HEADER.size + of_name
    if (mark, method) != (b"PK\3\4", member.method) or flags & LOCKED:
        raise _corrupt()
    if _name(data[HEADER.size : begin], flags) != inner:
        raise _corrupt()
    begin += of_extra
    if (end := begin + member.stored) > len(data):
        data = handle.read_at(member.offset, end)
    return _unpacked(memoryview(data)[begin:end], member)


def _unpacked(stored: memoryview, member: Member) -> bytes:
    if member.method == STORED:
        data = bytes(stored)
    else:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflate.decompress(stored, member.size + 1)
        except zlib.error as error:
            raise ImageError("corrupt", f"its archive is damaged there ({error})") from error
    if len(data) != member.size or zlib.crc32(data) != member.crc32:
        raise ImageError("corrupt", "its archive is damaged there (checksum)")
    return data


def _corrupt() -> ImageError:
    return ImageError("corrupt", "its archive is damaged there (its header is another)")


def _directory(file: IO[bytes], size: int) -> tuple[int, int, int, int]:
    """Where the directory is, its length, its entries, and by how much offsets are too small."""
    most = END.size + LONGEST_COMMENT
    begin = max(0, size - most)
    file.seek(begin)
    tail = file.read(most)
    at = len(tail)
    while (at := tail.rfind(b"PK\5\6", 0, at)) >= 0:
        if at + END.size <= len(tail):
            end = END.unpack_from(tail, at)
            if at + END.size + end[-1] == len(tail):  # the comment ends with the file
                break
    else:
        raise DamagedError("not a zip archive, or it ends early")
    _, disk, other_disk, here, count, length, offset, _ = end
    behind = begin + at
    if behind >= LOCATOR.size:
        file.seek(behind - LOCATOR.size)
        mark, other, at_64, _ = LOCATOR.unpack(_exactly(file, LOCATOR.size))
        if mark == b"PK\6\7":
            file.seek(at_64)
            mark, _, _, _, disk, other_disk, here, count, length, offset = END_64.unpack(
                _exactly(file, END_64.size)
            )
            if mark != b"PK\6\6" or other:
                raise DamagedError("its end is damaged")
            behind = at_64
    if disk or other_disk or here != count:
        raise DamagedError("it is a part of an archive in several; join them first (`zip -s 0`)")
    start = behind - length
    # Where a program stands before the archive, what is counted from its beginning is too small.
    if offset > start or count * ENTRY.size > length:
        raise DamagedError("its end is damaged")
    return start, length, count, start - offset


def _in_64(
    extra: bytes, unpacked: int, stored: int, offset: int, number: int
) -> tuple[int, int, int]:
    """The entry's sizes and offset, from its extra field where they need more than 32 bits."""
    if IN_64 not in (unpacked, stored, offset):
        return unpacked, stored, offset
    at = 0
    while at + 4 <= len(extra):
        field, length = struct.unpack_from("<2H", extra, at)
        at += 4
        if field == ZIP64_FIELD:
            wide = iter(struct.unpack_from(f"<{length // 8}Q", extra, at))
            try:
                found = [next(wide) if one == IN_64 else one for one in (unpacked, stored, offset)]
            except StopIteration:
                break
            return found[0], found[1], found[2]
        at += length
    raise DamagedError(f"entry {number:,} of its directory is damaged")


def _name(raw: bytes, flags: int) -> bytes:
    """A name in UTF-8 where that can be known; Debian's zip writes it and does not say so."""
    if flags & UTF_8:
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437").encode()
    return raw


class _Ranges:
    """The bytes that members have, in 16 bytes of memory each.

    Args:
        end: where the directory begins.
    """

    def __init__(self, end: int) -> None:
        self._starts, self._ends = array("Q"), array("Q")
        self._end = end
        self._sorted = True

    def add(self, start: int, end: int, entry: int) -> None:
        if start < 0 or end > self._end:
            raise DamagedError(f"the entry at byte {entry:,} leads out of the archive")
        if self._starts and start < self._starts[-1]:
            self._sorted = False
        self._starts.append(start)
        self._ends.append(end)

    def require_apart(self) -> None:
        """Refuse members that overlap."""
        order = range(len(self._starts))
        if not self._sorted:
            order = sorted(order, key=self._starts.__getitem__)  # type: ignore[assignment]
        before = 0
        for one in order:
            if self._starts[one] < before:
                raise DamagedError("its members overlap, as in an archive made to unpack forever")
            before = self._ends[one]


def _exactly(file: IO[bytes], count: int) -> bytes:
    if len(data := file.read(count)) != count:
        raise DamagedError("it ends early")
    return data
