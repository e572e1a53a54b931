"""Lists containers: which of their members are images, and where each begins.

Rules of this file:

1. A container is listed whole or not at all: a list that is not complete would look like one.
2. It is the file that it was said to be, before and after.
3. Whatever it holds, nothing but a `SourceError` is raised because of it.
"""

import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import IO, Protocol

from batchcls.errors import BatchclsError, ImageError, SourceError
from batchcls.images import Container, is_stored
from batchcls.sources.containers.kinds import ROWS
from batchcls.sources.containers.listed import DamagedError, Left, Listed
from batchcls.sources.containers.places import record
from batchcls.sources.names import NOBODYS, name_filter
from batchcls.sources.walk import Notes

# A FIFO of that name must block nobody.
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
BUFFER = 1 << 16


class ListerError(SourceError):
    """What lists containers has failed, whatever the container is."""


class Lister(Protocol):
    """Lists containers, one after the other."""

    def members(self, container: Container, number: int) -> Iterator[tuple[bytes, bytes]]:
        """The images in a container, in its order: names and `places.record`.

        Args:
            container: as it is now; its path leads from the current directory.
            number: of it, for the records.

        Raises:
            SourceError: it cannot be listed, or not all of it.
            ListerError: this lister failed at it; the next container gets a fresh one.
        """

    def close(self) -> None:
        """Let go of everything."""


OpenLister = Callable[[Sequence[str], Sequence[str], Notes], Lister]
"""Makes one of patterns of names that are images, of others that are not, and of where to note
what was left out."""


def look_at(kind: str, path: str) -> Container:
    """A container as it is now.

    Raises:
        SourceError: there is none.
        SetupError: it is in a bucket, and obstore is not installed.
    """
    if is_stored(path):
        from batchcls.sources.stores.names import split  # as in `_open`
        from batchcls.sources.stores.store import store_of

        bucket, key = split(path)
        try:
            there = store_of(bucket).find(key)
        except ImageError as error:
            raise cannot_list(path, str(error)) from error
        return Container(kind, path, there.size, there.version)
    try:
        found = os.stat(path)  # noqa: PTH116 - Path("a//b") is another path
    except OSError as error:
        raise cannot_list(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(found.st_mode):
        raise cannot_list(path, "not a regular file")
    return Container(kind, path, found.st_size, found.st_mtime_ns)


def cannot_list(path: str, why: str) -> SourceError:
    """The error for a container that cannot be listed."""
    return SourceError(f"cannot list {path}: {why}; replace it, or leave it out with `--exclude`")


class OwnLister:
    """Lists containers in this process, which a hostile one may cost its memory.

    Args:
        names: patterns of names that are images.
        exclude: patterns of others that are left out all the same.
        notes: takes what was left out.
    """

    def __init__(self, names: Sequence[str], exclude: Sequence[str], notes: Notes) -> None:
        self._filters = name_filter(names), name_filter((*NOBODYS, *exclude))
        self._notes = notes

    def members(self, container: Container, number: int) -> Iterator[tuple[bytes, bytes]]:
        """See `Lister`."""
        left = Left(*self._filters)
        yield from records(container, number, left)
        tell(container.path, left.notes.left_out, left.why, self._notes)

    def close(self) -> None:
        """Nothing is held."""


def records(container: Container, number: int, left: Left) -> Iterator[tuple[bytes, bytes]]:
    """The images in a container; see `Lister.members`.

    Args:
        left: says which members are images, and takes what is left out.
    """
    try:
        with _open(container) as file:
            _require_same(container, file)
            for name, method, offset, stored, size, crc32 in _members(container, file, left):
                if container.kind in ROWS or left.takes(name):
                    yield name, record(number, method, offset, stored, size, crc32)
            _require_same(container, file)
    except (DamagedError, ImageError) as error:  # the latter of a store
        raise cannot_list(container.path, str(error)) from error
    except BatchclsError as error:
        raise SourceError(str(error)) from error
    except OSError as error:
        raise cannot_list(container.path, error.strerror or str(error)) from error
    except MemoryError:
        raise cannot_list(container.path, "it needs more memory than any list should") from None
    # What readers, also others' ones, make of headers that were written to confuse them.
    except Exception as error:
        raise cannot_list(container.path, f"damaged ({type(error).__name__}: {error})") from error


def _members(container: Container, file: IO[bytes], left: Left) -> Iterator[Listed]:
    # Only what is needed: a run of plain files loads no archive's reader.
    module = import_module(f"batchcls.sources.containers.{container.kind}")
    found: Iterator[Listed] = module.members(file, container.size, left)
    return found


def tell(path: str, left_out: Mapping[str, int], why: Mapping[str, int], notes: Notes) -> None:
    """Note what of a container was left out."""
    notes.take_over(left_out)
    for words, count in why.items():
        notes.add(f"{path}: {words} are left out ({count:,})")


def _open(container: Container) -> IO[bytes]:
    if is_stored(container.path):
        from batchcls.sources.stores.ranged import Ranged  # rare, and needs obstore

        return io.BufferedReader(Ranged(container), BUFFER)
    return open(container.path, "rb", opener=_opener)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | FLAGS)


def _require_same(container: Container, file: IO[bytes]) -> None:
    if is_stored(container.path):  # each answer of a store says so by itself
        return
    found = os.fstat(file.fileno())
    if (found.st_size, found.st_mtime_ns) != (container.size, container.version):
        raise DamagedError("it changed while it was listed")
