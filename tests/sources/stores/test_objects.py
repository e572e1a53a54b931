"""Objects as a source: they keep the contract, and the store's troubles are told apart."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import ImageError, SourceError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.sources.allowance import Allowance
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import extend
from batchcls.sources.inputs import InputsList, InputsReader
from batchcls.sources.opening import open_sources
from batchcls.sources.source import Source
from batchcls.sources.stores.objects import Objects
from batchcls.sources.stores.store import opened
from tests.support.bucket import BUCKET, KEY, SECRET, Bucket
from tests.support.frozen import frozen, images
from tests.support.source_contract import NAMES, Held, SourceContract

TOP = f"s3://{BUCKET}/"


class Named(Source):
    """A source whose images are called as the contract calls them: without their bucket."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner

    def list(self):  # type: ignore[no-untyped-def]
        for name, place in self._inner.list():
            yield name.removeprefix(f"{TOP}top/".encode()), place

    def read(self, image: ImageRef) -> bytes:
        return self._inner.read(image._replace(path=f"{TOP}top/{image.path}"))


class HeldObjects(Held):
    """Objects below a prefix."""

    possible = tuple(
        name
        for name in NAMES
        if name.isascii() or name[:1] != b"\xff"  # a key is UTF-8
        if not any(byte < 32 for byte in name)  # and obstore has no control characters in one
    )

    def __init__(self, bucket: Bucket, tmp_path: Path) -> None:
        self._bucket = bucket
        self._spilled = tmp_path
        self._held: set[bytes] = set()

    def put(self, name: bytes, content: bytes) -> None:
        self._bucket.put(f"top/{name.decode()}", content)
        self._held.add(name)

    def remove(self, name: bytes) -> None:
        self._bucket.remove(f"top/{name.decode()}")
        self._held.remove(name)

    def remove_all(self) -> None:
        for name in [*self._held]:
            self.remove(name)

    def opened(self) -> Source:
        (source,) = open_sources(Job(sources=(f"{TOP}top",)), self._spilled).sources
        return Named(source)

    def reader(self, max_bytes: int) -> Source:
        return Named(Objects(max_bytes=max_bytes))


class TestObjects(SourceContract):
    @pytest.fixture
    def held(self, bucket: Bucket, tmp_path: Path) -> Held:
        return HeldObjects(bucket, tmp_path)


def paths(found: tuple[InputsList, Path]) -> list[str]:
    return [image.path.removeprefix(TOP) for image in images(found)]


def failure(image: ImageRef) -> ImageError:
    with pytest.raises(ImageError) as caught:
        EveryPlace(allowance=Allowance(1.5)).read(image)
    return caught.value


def test_a_word_is_an_object_or_what_is_below_it(bucket: Bucket, tmp_path: Path) -> None:
    for key in ("a.jpg", "a/b.jpg", "a.jpg2/c.jpg", "odd", "b.jpg/x.jpg"):
        bucket.put(key, key.encode())
    assert paths(frozen(tmp_path, TOP)) == ["a.jpg", "a.jpg2/c.jpg", "a/b.jpg", "b.jpg/x.jpg"]
    assert paths(frozen(tmp_path, TOP[:-1])) == paths(frozen(tmp_path, TOP))
    assert paths(frozen(tmp_path, f"{TOP}a.jpg")) == ["a.jpg"]
    assert paths(frozen(tmp_path, f"{TOP}odd")) == ["odd"]
    assert paths(frozen(tmp_path, f"{TOP}a")) == paths(frozen(tmp_path, f"{TOP}a/")) == ["a/b.jpg"]
    assert paths(frozen(tmp_path, f"{TOP}b.jpg")) == ["b.jpg/x.jpg"]
    with pytest.raises(SourceError, match=r"s3://photos/no: no object has this name, and none"):
        frozen(tmp_path, f"{TOP}no")


def test_what_is_no_image_by_its_name_is_left_out_and_counted(
    bucket: Bucket, tmp_path: Path
) -> None:
    for key in ("a.jpg", "a.cls", "x.tar.gz", "__MACOSX/b.jpg", "folder/", "._a.jpg"):
        bucket.put(key, b"x" * (key != "folder/"))
    listed, path = frozen(tmp_path, TOP)
    assert paths((listed, path)) == ["a.jpg"]
    assert listed.left_out == {".cls": 1, ".tar.gz": 1, "__MACOSX/": 1, "": 1, ".jpg": 1}
    with pytest.raises(SourceError, match=r"no images found in s3://photos/: no file name matches"):
        frozen(tmp_path, TOP, names=("*.png",))
    with pytest.raises(SourceError, match=r"unpack it to a \.tar first"):
        frozen(tmp_path, f"{TOP}x.tar.gz")


def test_images_of_the_same_bytes_are_two_and_one_named_twice_is_one(
    bucket: Bucket, tmp_path: Path
) -> None:
    for key in ("a/1.jpg", "a/2.jpg", "b.jpg"):
        bucket.put(key, b"same")
    found = frozen(tmp_path, f"{TOP}a", TOP, f"{TOP}b.jpg")
    assert paths(found) == ["a/1.jpg", "a/2.jpg", "b.jpg"]
    assert found[0].duplicates == 3


def test_more_than_a_page_is_listed_and_a_page_that_fails_is_asked_for_again(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcls.sources.stores.store.BACKOFF_S", (0.01,) * 4)
    for number in range(1500):
        bucket.put(f"{number:04}.jpg", b"x")
    whole = paths(frozen(tmp_path, TOP))
    assert whole == [f"{number:04}.jpg" for number in range(1500)]
    answers = iter([None, (503, "<Code>SlowDown</Code>"), (500, ""), None])
    bucket.trouble = lambda method, path: next(answers, None)
    assert paths(frozen(tmp_path, TOP)) == whole


def test_extend_adds_what_is_new_and_keeps_what_has_changed(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.jpg", b"a")
    bucket.put("b.jpg", b"b")
    first, path = frozen(tmp_path, TOP)
    bucket.put("b.jpg", b"other")
    bucket.put("0.jpg", b"0")
    found = extend(first, Job(sources=(TOP,)), path), path
    assert paths(found) == ["a.jpg", "b.jpg", "0.jpg"]
    a, b, new = images(found)
    assert EveryPlace().read(a) == b"a"
    assert EveryPlace().read(new) == b"0"
    assert failure(b).kind == "changed"


@pytest.mark.parametrize("key", ["x//y.jpg", "x/../y.jpg", "x/./y.jpg"])
def test_a_key_that_cannot_be_asked_for_is_named(bucket: Bucket, tmp_path: Path, key: str) -> None:
    bucket.put("a/1.jpg", b"1")
    bucket.put(key, b"x")
    with pytest.raises(SourceError) as caught:
        frozen(tmp_path, TOP)
    assert f"cannot ask for an object named '{key}'" in str(caught.value)
    assert paths(frozen(tmp_path, f"{TOP}a")) == ["a/1.jpg"]


def test_names_are_taken_as_they_are(bucket: Bucket, tmp_path: Path) -> None:
    keys = ["#1.jpg", "%20.jpg", "a b+c.jpg", "a?b=c&d.jpg", "~.jpg", "ä/日本.jpg"]
    for key in keys:
        bucket.put(key, key.encode())
    found = images(frozen(tmp_path, TOP))
    assert [image.path.removeprefix(TOP) for image in found] == keys
    for key, image in zip(keys, found, strict=True):
        assert EveryPlace().read(image) == key.encode()
        assert paths(frozen(tmp_path, f"{TOP}{key}")) == [key]


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, "<Code>AccessDenied</Code>", "denied", "the store refuses it (403 AccessDenied)"),
        (401, "", "denied", "the store refuses it (401)"),
        (404, "<Code>NoSuchKey</Code>", "vanished", "the store has no such object (404 NoSuchKey)"),
        (404, "<Code>NoSuchBucket</Code>", "vanished", "there is no such bucket"),
        (500, "<Code>InternalError</Code>", "io_error", "the store failed (500 InternalError)"),
        (400, "<Code>Odd</Code>", "io_error", "the store failed (400 Odd)"),
        (301, "", "io_error", "the bucket is in another region; set AWS_REGION"),
        (503, "<Code>SlowDown</Code>", "io_error", "asks to be asked less (503 SlowDown)"),
        (429, "", "io_error", "asks to be asked less (429)"),
    ],
)
def test_a_refusal_is_told_in_words_and_without_secrets(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    status: int, body: str, kind: str, words: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("batchcls.sources.stores.store.BACKOFF_S", (0.01,) * 4)
    monkeypatch.setattr("batchcls.sources.stores.store.LISTING", Allowance(0.5))
    bucket.put("a.jpg", b"x")
    (image,) = images(frozen(tmp_path, TOP))
    secret = f"<AWSAccessKeyId>{KEY}</AWSAccessKeyId><StringToSign>{SECRET}</StringToSign>"
    bucket.trouble = lambda method, path: (status, f"<Error>{body}{secret}</Error>")
    error = failure(image)
    assert error.kind == kind
    assert words in error.message
    with pytest.raises(SourceError) as caught:
        frozen(tmp_path, TOP)
    for told in (error.message, str(caught.value)):
        assert not any(secret in told for secret in (KEY, SECRET, bucket.url, "Signature"))


def test_a_store_that_asks_for_less_gets_less_and_no_image_fails(
    bucket: Bucket, tmp_path: Path
) -> None:
    for number in range(8):
        bucket.put(f"{number}.jpg", b"%d" % number)
    found = images(frozen(tmp_path, TOP))
    refusals = iter([(503, "<Code>SlowDown</Code>"), (429, ""), (503, "")])
    bucket.trouble = lambda method, path: next(refusals, None)
    assert [EveryPlace().read(image) for image in found] == [b"%d" % n for n in range(8)]
    assert len(bucket.asked) < 8 + 8 + 3 + 10


def test_a_store_that_says_nothing_is_given_up(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcls.sources.stores.store.BACKOFF_S", (0.01,) * 2)
    monkeypatch.setattr("batchcls.sources.stores.store.SILENT_S", 0.1)
    bucket.put("a.jpg", b"x")
    (image,) = images(frozen(tmp_path, TOP))
    asked = len(bucket.asked)
    free = threading.Event()

    def hang(method: str, path: str) -> None:
        free.wait(20)

    bucket.trouble = hang
    try:
        error = failure(image)
    finally:
        free.set()
    assert (error.kind, error.message) == ("io_error", "no answer in time")
    assert len(bucket.asked) - asked == 3


def test_an_object_that_comes_byte_by_byte_is_given_up_in_time(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("a.jpg", bytes(1000))
    (image,) = images(frozen(tmp_path, TOP))
    free = threading.Event()

    def drip(body: Iterable[bytes]) -> Iterator[bytes]:
        for byte in b"".join(body):
            free.wait(0.02)
            yield bytes([byte])

    bucket.sent = drip
    try:
        error = failure(image)  # it would be whole after 20 s
    finally:
        free.set()
    assert (error.kind, error.message) == ("io_error", "no answer in time")


def test_threads_that_begin_at_once_share_a_client(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    obstore = pytest.importorskip("obstore.store")
    bucket.put("a.jpg", b"x")
    (image,) = images(frozen(tmp_path, TOP))
    opened.cache_clear()
    made, from_url = [], obstore.from_url

    def slow(*args: Any, **options: Any) -> Any:
        made.append(args)
        time.sleep(0.1)
        return from_url(*args, **options)

    monkeypatch.setattr(obstore, "from_url", slow)
    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(EveryPlace().read, [image] * 8)] == [b"x"] * 8
    assert len(made) == 1


def test_nothing_to_connect_to_is_an_io_error(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcls.sources.stores.store.BACKOFF_S", (0.01,))
    bucket.put("a.jpg", b"x")
    (image,) = images(frozen(tmp_path, TOP))
    opened.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    error = failure(image)
    assert (error.kind, error.message) == ("io_error", "it cannot be reached")


@pytest.mark.parametrize("word", ["s3://", "s3:///a", "s3://KEY:SECRET@bucket/a", "gs://a:b/c"])
def test_what_names_no_bucket_is_refused_and_not_repeated(tmp_path: Path, word: str) -> None:
    with pytest.raises(SourceError, match=r"names no bucket; expected .*://BUCKET/PREFIX") as told:
        frozen(tmp_path, word)
    assert "SECRET" not in str(told.value)


def test_a_resume_asks_the_store_for_nothing(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.jpg", b"x")
    listed, path = frozen(tmp_path, TOP)
    asked = len(bucket.asked)
    with closing(InputsReader(path, listed.root, members=listed.members)) as reader:
        reader.seek(1)
        assert reader.chunk(1) == ()
    assert len(bucket.asked) == asked
    assert os.path.isabs(listed.root)
