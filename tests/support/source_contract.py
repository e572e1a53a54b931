"""What every source of images must keep, whatever holds them: inherit `SourceContract`."""

import json
import os
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from batchcls.errors import ImageError, SourceError
from batchcls.images import FAILURE_KINDS, MAX_BYTES, ImageRef
from batchcls.messages import Lease
from batchcls.sources.source import Source
from batchcls.wire import protocol

NAMES = (
    b"a.jpg", b"a-b.jpg", b"a b.jpg", b"a/z.jpg", b"a/b/c.jpg", b"a0.jpg", b"B.jpg", b"-o.jpg",
    b"\xff\xfe.jpg", b"\xc3\xa4.jpg", b"a\xcc\x88.jpg", b"new\nline.jpg", b"\x1b[31mred.jpg",
    b"[x]*?.jpg", b"tab\t.jpg", b"back\\slash.jpg", b'quote".jpg', b"dot..dot.jpg", b"~.jpg",
    b"n" * 200 + b".jpg",
)  # fmt: skip
"""Names that a file system has no objection to, and somebody's program has."""

HOSTILE = (
    "", "/", ".", "..", "a.jpg/", "a.jpg/x", "//", "../" * 50, "a/" * 3000, "x" * 5000, "a\0.jpg",
    "\0", "\ud800.jpg", "/dev/null", "/dev/zero", "/proc/self/mem", "-", "@list", "http://x/a.jpg",
)  # fmt: skip
"""Paths that no source has listed under its places."""


class Held(ABC):
    """Images put where a source finds them.

    Attributes:
        possible: those of `NAMES` that can be there.
    """

    possible: Sequence[bytes] = NAMES

    @abstractmethod
    def put(self, name: bytes, content: bytes) -> None:
        """Store an image, in the place of one of this name."""

    @abstractmethod
    def remove(self, name: bytes) -> None:
        """Let an image be gone."""

    @abstractmethod
    def remove_all(self) -> None:
        """Let everything be gone, and what held it."""

    @abstractmethod
    def opened(self) -> Source:
        """A source that has not been listed."""

    @abstractmethod
    def reader(self, max_bytes: int) -> Source:
        """A source as a worker has it, which lists nothing."""

    def order(self, names: list[bytes]) -> list[bytes]:
        """How the source lists images that were put in this order."""
        return sorted(names)


def listed(source: Source) -> list[ImageRef]:
    """What a source lists, as the workers get it."""
    images = tuple(
        ImageRef(index, os.fsdecode(name), place)
        for index, (name, place) in enumerate(source.list())
    )
    if not images:
        return []
    message = json.loads(protocol.encode_lease(Lease(0, 0, images, solo=False)))
    return protocol.decode_lease(message)[1]


def refusal(source: Source, image: ImageRef) -> ImageError:
    with pytest.raises(ImageError) as caught:
        source.read(image)
    assert caught.value.kind in FAILURE_KINDS
    assert image.path not in caught.value.message, "the record has the path already"
    return caught.value


def fill(held: Held, *names: bytes) -> Mapping[bytes, bytes]:
    """Put an image of its own under each name."""
    contents = {name: b"image " + bytes([n]) * (1000 + n) for n, name in enumerate(names)}
    for name, content in contents.items():
        held.put(name, content)
    return contents


class SourceContract:
    """Inherit it and define the fixture `held`."""

    def test_every_image_is_listed_once_in_the_promised_order(self, held: Held) -> None:
        names = [*held.possible]
        random.Random(4).shuffle(names)
        fill(held, *names)
        found = [name for name, _ in held.opened().list()]
        assert found == held.order(names)
        assert all(name and b"\0" not in name for name in found)

    def test_the_order_is_the_same_whenever_it_is_listed(self, held: Held) -> None:
        fill(held, *held.possible)
        assert [*held.opened().list()] == [*held.opened().list()]

    def test_a_worker_that_listed_nothing_reads_every_image(self, held: Held) -> None:
        contents = fill(held, *held.possible)
        source = held.reader(MAX_BYTES)
        images = listed(held.opened())
        random.Random(5).shuffle(images)
        assert {os.fsencode(image.path): source.read(image) for image in images} == contents

    def test_threads_may_read_at_once(self, held: Held) -> None:
        contents = fill(held, *held.possible)
        source = held.reader(MAX_BYTES)
        images = listed(held.opened()) * 20
        random.Random(6).shuffle(images)
        with ThreadPoolExecutor(8) as threads:
            for image, data in zip(images, threads.map(source.read, images), strict=True):
                assert data == contents[os.fsencode(image.path)]

    def test_an_image_that_is_gone_has_vanished(self, held: Held) -> None:
        contents = fill(held, b"a.jpg", b"b.jpg", b"c.jpg")
        first, second, third = listed(held.opened())
        held.remove(b"b.jpg")
        source = held.reader(MAX_BYTES)
        assert refusal(source, second).kind == "vanished"
        assert [source.read(image) for image in (first, third)] == [
            contents[b"a.jpg"], contents[b"c.jpg"]
        ]  # fmt: skip

    def test_an_image_that_was_replaced_is_never_another_one(self, held: Held) -> None:
        contents = fill(held, b"a.jpg", b"b.jpg", b"c.jpg")
        images = listed(held.opened())
        held.put(b"b.jpg", b"another picture, and a longer one" * 100)
        source = held.reader(MAX_BYTES)
        for image in images:
            try:
                data = source.read(image)
            except ImageError as error:
                assert error.kind in {"changed", "corrupt", "vanished"}
            else:
                replaced = image.path == "b.jpg" and data.startswith(b"another picture")
                assert replaced or data == contents[os.fsencode(image.path)]

    def test_an_image_without_bytes_is_empty(self, held: Held) -> None:
        held.put(b"a.jpg", b"")
        assert refusal(held.reader(MAX_BYTES), *listed(held.opened())).kind == "empty"

    def test_the_size_limit_is_exact(self, held: Held) -> None:
        held.put(b"a.jpg", b"x" * 10_000)
        (image,) = listed(held.opened())
        assert len(held.reader(10_000).read(image)) == 10_000
        error = refusal(held.reader(9_999), image)
        assert error.kind == "too_large"
        assert "10000" in error.message
        assert "9999" in error.message

    @pytest.mark.runs
    @pytest.mark.timeout(20)
    @pytest.mark.parametrize("path", HOSTILE, ids=range(len(HOSTILE)))
    def test_what_was_never_listed_gives_bytes_or_an_image_error(
        self, held: Held, path: str
    ) -> None:
        fill(held, b"a.jpg")
        (image,) = listed(held.opened())
        for index in (0, 1, -2, 1 << 62):
            try:
                data = held.reader(1 << 20).read(image._replace(index=index, path=path))
            except ImageError as error:
                assert error.kind in FAILURE_KINDS
            else:
                assert 0 < len(data) <= 1 << 20

    def test_a_source_that_is_gone_cannot_be_listed(self, held: Held) -> None:
        fill(held, b"a.jpg")
        source = held.opened()
        held.remove_all()
        with pytest.raises(SourceError):
            next(source.list())
