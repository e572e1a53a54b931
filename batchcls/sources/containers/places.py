"""The members' places on disk, beside a frozen list: 32 bytes for each image, one read away.

``places`` has a record for each image of the list, ``containers`` says what the records' numbers
mean. A list of plain files has neither.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from batchcls.errors import RefusedError
from batchcls.images import LARGEST, Container, Folder, Member, Place
from batchcls.sources.nul_ended import joined

RECORD = struct.Struct("<IxBxxQQII")
"""Container, method, offset, bytes stored, CRC-32, bytes unpacked."""

NONE = (1 << 32) - 1
"""The number of no container: the image is a file."""

PLAIN = RECORD.pack(NONE, 0, 0, 0, 0, 0)
FIELDS = 4


def record(number: int, method: int, offset: int, stored: int, size: int, crc32: int) -> bytes:
    """The place of a member of the container of this number; see `Member`."""
    return RECORD.pack(number, method, offset, stored, crc32, min(size, LARGEST))


def member_of(record: bytes, folder: Folder, container: Container) -> Member:
    """The place that a record gives a member of this container."""
    _, method, offset, stored, crc32, size = RECORD.unpack(record)
    return Member(folder, container, method, offset, stored, size, crc32)


def beside(inputs: Path) -> tuple[Path, Path]:
    """Where the containers and the places of a list are."""
    return inputs.with_name("containers"), inputs.with_name("places")


def encode_containers(containers: Iterable[Container]) -> bytes:
    """What stands in ``containers``: kind, path, size and version of each, each ended by a NUL."""
    return joined(
        os.fsencode(str(part)) for container in containers for part in container
    )  # an iterable of strings, since a path may be any bytes


def decode_containers(data: bytes) -> list[Container]:
    """Read `encode_containers` back.

    Raises:
        ValueError: it is not what was written.
    """
    parts = data.split(b"\0")
    if parts.pop() or len(parts) % FIELDS:
        raise ValueError("it ends in the middle of a container")
    rows = (parts[n : n + FIELDS] for n in range(0, len(parts), FIELDS))
    return [
        Container(kind.decode(), os.fsdecode(path), int(size), int(version))
        for kind, path, size, version in rows
    ]


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a file of places, which is open from now on, whatever becomes of its name."""
    file = path.open("rb")

    def each() -> Iterator[bytes]:
        with file:
            while record := file.read(RECORD.size):
                yield record

    return each()


class Places:
    """The places of a frozen list.

    Args:
        inputs: the list's file.
        folder: where paths lead from.
    """

    def __init__(self, inputs: Path, folder: Folder) -> None:
        containers, self._path = beside(inputs)
        try:
            self.containers: Sequence[Container] = decode_containers(containers.read_bytes())
        except ValueError as error:
            raise self._damaged(containers) from error
        self._folder = folder
        self._file = self._path.open("rb", buffering=0)

    def of(self, first: int, count: int) -> Iterator[Place]:
        """The places of `count` images from this index on.

        Raises:
            RefusedError: the file ends before.
        """
        size = RECORD.size
        data = os.pread(self._file.fileno(), count * size, first * size)
        if len(data) != count * size:
            raise self._damaged(self._path)
        folder, containers = self._folder, self.containers
        for number, method, offset, stored, crc32, unpacked in RECORD.iter_unpack(data):
            if number == NONE:
                yield folder
            elif number < len(containers):
                yield Member(folder, containers[number], method, offset, stored, unpacked, crc32)
            else:
                raise self._damaged(self._path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _damaged(self, path: Path) -> RefusedError:
        return RefusedError(
            f"{path} is not what was written for this list, so it is damaged; start over with "
            "`--fresh`"
        )
