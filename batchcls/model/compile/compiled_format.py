"""The form of a file that holds a compiled model: written in one go, believed only when checked.

`MAGIC`, length and CRC-32 of the head, the head (JSON), then the blobs, each at a multiple of
`ALIGN` bytes.
"""

import json
import mmap
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

ALIGN = 4096
MAGIC = b"batchcls compiled model 1\n"
_HEAD = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class CachedModel:
    """What a file holds.

    Attributes:
        blobs: one for each device; memory that lives as long as the process.
    """

    facts: dict[str, Any]
    blobs: tuple[memoryview, ...]


def write(file: IO[bytes], facts: Mapping[str, Any], blobs: Sequence[memoryview]) -> None:
    """Write a whole file.

    Raises:
        OSError: the disk is full, or fails.
    """
    entries, offset = [], 0
    for blob in blobs:
        entries.append({"at": offset, "size": len(blob), "crc32": zlib.crc32(blob)})
        offset += _aligned(len(blob))
    head = json.dumps({"facts": facts, "blobs": entries}).encode()
    file.write(MAGIC + _HEAD.pack(len(head), zlib.crc32(head)) + head)
    start = _aligned(len(MAGIC) + _HEAD.size + len(head))
    for entry, blob in zip(entries, blobs, strict=True):
        file.seek(start + entry["at"])
        file.write(blob)


def parse(pages: mmap.mmap) -> CachedModel:
    """A file's content.

    Raises:
        ValueError: it is damaged.
    """
    whole = memoryview(pages)
    begin = len(MAGIC) + _HEAD.size
    if len(whole) < begin or whole[: len(MAGIC)] != MAGIC:
        raise ValueError("not a compiled model")
    size, crc = _HEAD.unpack(whole[len(MAGIC) : begin])
    head = whole[begin : begin + size]
    if len(head) != size or zlib.crc32(head) != crc:
        raise ValueError("damaged head")
    content = json.loads(bytes(head))
    start = _aligned(begin + size)
    blobs = []
    for entry in content["blobs"]:
        blob = whole[start + entry["at"] :][: entry["size"]]
        if len(blob) != entry["size"] or zlib.crc32(blob) != entry["crc32"]:
            raise ValueError("damaged")
        blobs.append(blob)
    return CachedModel(content["facts"], tuple(blobs))


def _aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
