"""Objects of a store as a source: one that is named, or all below a prefix.

Rules of this file:

1. A word that does not end with ``/`` is the object of this name if there is one, else a prefix.
2. Objects come in byte order of their names, as below a folder, whatever a store's order is.
3. An object's place holds its size and version, so that reading gives the one that was listed.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from batchcls.errors import BatchclsError, ImageError, SourceError
from batchcls.images import MAX_BYTES, Container, Folder, ImageRef, Member
from batchcls.sources.allowance import Allowance
from batchcls.sources.containers.kinds import OBJECTS
from batchcls.sources.containers.listed import Left
from batchcls.sources.containers.listing import tell
from batchcls.sources.spill import SortedSpill
from batchcls.sources.stores.failures import KeyRefusedError
from batchcls.sources.stores.names import split
from batchcls.sources.stores.store import Found, store_of
from batchcls.sources.walk import Notes

NOWHERE = Folder("")
BEHIND = b"\1"
"""Stands between a key and what else is sorted with it; before all that obstore has in keys."""


def place_of(bucket: str, found: Found) -> Member:
    """Where an object is; of `Member`, the offset is its version."""
    return Member(
        NOWHERE, Container(OBJECTS, bucket, 0, 0), 0, found.version, found.size, found.size, 0
    )


@dataclass(frozen=True, slots=True)
class Objects:
    """A source of objects; to read them, it need not know which ones there are.

    Attributes:
        word: as typed.
        folder: where sorted runs may be spilled.
        left: says which objects are images or containers of them.
        notes: takes what is left out.
        max_bytes: larger objects are refused unread.
        allowance: of one read.
    """

    word: str = ""
    folder: Path = Path()
    left: Left = field(default_factory=lambda: Left(lambda _: True, lambda _: False))
    notes: Notes = field(default_factory=Notes)
    max_bytes: int = MAX_BYTES
    allowance: Allowance = field(default_factory=Allowance)

    def list(self) -> Iterator[tuple[bytes, Member]]:
        """The objects' names in full, and their places.

        Raises:
            SourceError: they cannot be listed, or not all of them.
            SetupError: obstore is not installed.
        """
        bucket, key = split(self.word)
        store = store_of(bucket)
        try:
            if key and not key.endswith("/"):
                try:
                    found = store.find(key)
                except ImageError as error:
                    if error.kind == "io_error":
                        raise
                else:
                    yield f"{bucket}/{key}".encode(), place_of(bucket, found)
                    return
            yield from self._below(bucket, key.strip("/"))
        except KeyRefusedError as error:
            raise SourceError(
                f"cannot list {self.word}: obstore cannot ask for an object named {str(error)!r} "
                "(an empty part, `.`, `..` or a control character); rename it, or name the "
                "prefixes beside it"
            ) from error
        except ImageError as error:
            raise SourceError(
                f"cannot list {self.word}: {error.message}{_advice(error)}"
            ) from error

    def read(self, image: ImageRef) -> bytes:
        """An object's bytes; safe for threads, and the interpreter's lock is free meanwhile.

        Raises:
            ImageError: why there are none.
        """
        place = image.place
        if not isinstance(place, Member) or not image.path.startswith(place.container.path + "/"):
            raise ImageError("vanished", "no object of this bucket")
        bucket, size = place.container.path, place.stored
        if size > self.max_bytes:
            raise ImageError("too_large", f"{size} bytes, over the limit of {self.max_bytes}")
        try:
            found = Found(image.path[len(bucket) + 1 :], size, place.offset)
            data = store_of(bucket).read(found, self.allowance)
        except BatchclsError as error:  # on this machine, where it was listed it was there
            raise ImageError("io_error", str(error)) from error
        except (KeyRefusedError, ValueError) as error:
            raise ImageError("vanished", "no object can have such a name") from error
        if not data:
            raise ImageError("empty", "no bytes in it")
        return data

    def _below(self, bucket: str, prefix: str) -> Iterator[tuple[bytes, Member]]:
        begin = len(prefix.encode()) + 1 if prefix else 0
        some = False
        with closing(SortedSpill(self.folder)) as spill:
            for page in _ahead(store_of(bucket).pages(prefix)):
                some = True
                for key, size, version in page:
                    raw = key.encode()
                    if self.left.takes(raw[begin:]):
                        spill.add(raw + BEHIND + b"%d %d" % (size, version))
            if not some:
                raise SourceError(f"{self.word}: no object has this name, and none is below it")
            for line in spill:
                raw, _, facts = line.rpartition(BEHIND)
                size, version = map(int, facts.split())
                found = Found(raw.decode(), size, version)
                yield f"{bucket}/{found.key}".encode(), place_of(bucket, found)
        tell(self.word, self.left.notes.left_out, self.left.why, self.notes)


def _ahead(pages: "Iterator[list[Found]]") -> "Iterator[list[Found]]":
    """The pages, asked for by a thread: a signal ends the wait for a store that hangs."""
    ready: queue.Queue[list[Found] | BaseException | None] = queue.Queue(maxsize=2)

    def ask() -> None:
        try:
            for page in pages:
                ready.put(page)
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            ready.put(error)

    threading.Thread(target=ask, name="store-pages", daemon=True).start()
    while (page := ready.get()) is not None:
        if isinstance(page, BaseException):
            raise page
        yield page


def _advice(error: ImageError) -> str:
    if error.kind != "denied":
        return ""
    return (
        "; set the store's usual variables (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL, …), "
        "or AWS_SKIP_SIGNATURE=true for a public bucket"
    )
