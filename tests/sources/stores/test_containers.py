"""Containers in a bucket: listed and read by ranges, of one version, by many threads."""

import io
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchcls.errors import ImageError, SourceError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader
from tests.support.archives import MAKE
from tests.support.bucket import BUCKET, Bucket

TOP = f"s3://{BUCKET}/"
IMAGES = {f"{n}.jpg": bytes([n]) * (1000 + n) for n in range(40)}


def listed(folder: Path, *words: str, **options: object) -> list[ImageRef]:
    inputs = folder / "job" / "inputs"
    inputs.parent.mkdir(exist_ok=True)
    job = Job(sources=tuple(TOP + word for word in words), **options)  # type: ignore[arg-type]
    found = freeze(job, inputs)
    reader = InputsReader(inputs, found.root, members=found.members)
    images = [*reader]
    reader.close()
    return images


def bytes_asked(bucket: Bucket) -> int:
    spans = [
        asked.rpartition("bytes=")[2].split("-") for asked in bucket.asked if "bytes=" in asked
    ]
    return sum(int(end) + 1 - int(begin) for begin, end in spans)


@pytest.fixture(params=["parquet", "file", "stream"])
def table(request: pytest.FixtureRequest) -> tuple[str, bytes, list[bytes]]:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import ipc, parquet

    chance = random.Random(3)
    rows = [chance.randbytes(20_000 + n) for n in range(250)]
    data, buffer = pyarrow.table({"image": rows}), io.BytesIO()
    if request.param == "parquet":
        parquet.write_table(data, buffer, row_group_size=100, compression="none")
        return "t.parquet", buffer.getvalue(), rows
    opener = ipc.new_file if request.param == "file" else ipc.new_stream
    with opener(buffer, data.schema) as writer:
        writer.write_table(data, max_chunksize=100)
    return "t.arrow", buffer.getvalue(), rows


@pytest.mark.parametrize("ending", sorted(MAKE))
def test_members_are_read_by_ranges(bucket: Bucket, tmp_path: Path, ending: str) -> None:
    bucket.put(f"a/0{ending}", MAKE[ending](IMAGES))
    bucket.put("a/1.jpg", b"plain")
    images = listed(tmp_path, "a")
    assert [image.path for image in images] == [
        *(f"{TOP}a/0{ending}//{name}" for name in IMAGES), f"{TOP}a/1.jpg"
    ]  # fmt: skip
    assert listed(tmp_path, f"a/0{ending}") == images[:-1]
    bucket.asked.clear()
    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(EveryPlace().read, images)] == [*IMAGES.values(), b"plain"]
    assert len(bucket.asked) == len(images)


def test_threads_that_read_rows_ahead_fetch_a_table_once(
    bucket: Bucket, tmp_path: Path, table: tuple[str, bytes, list[bytes]]
) -> None:
    name, data, rows = table
    bucket.put(name, data)
    images = listed(tmp_path, name)
    bucket.asked.clear()
    with ThreadPoolExecutor(32) as threads:
        assert [*threads.map(EveryPlace().read, images)] == rows
    assert bytes_asked(bucket) < 2 * len(data)


@pytest.mark.parametrize("ending", sorted(MAKE))
def test_a_replaced_container_gives_no_other_images(
    bucket: Bucket, tmp_path: Path, ending: str
) -> None:
    bucket.put(f"0{ending}", MAKE[ending](IMAGES))
    first, *others = listed(tmp_path, f"0{ending}")
    reader = EveryPlace()
    assert reader.read(first) == IMAGES["0.jpg"]
    bucket.put(f"0{ending}", MAKE[ending](dict(reversed(IMAGES.items()))))
    for image in others[:5]:
        with pytest.raises(ImageError, match="changed since it was listed"):
            reader.read(image)
    bucket.remove(f"0{ending}")
    with pytest.raises(ImageError, match="no such object"):
        reader.read(first)


@pytest.mark.parametrize("ending", sorted(MAKE))
def test_one_that_is_damaged_or_replaced_while_it_is_listed_is_refused(
    bucket: Bucket, tmp_path: Path, ending: str
) -> None:
    data = MAKE[ending](IMAGES)
    bucket.put(f"0{ending}", data[: len(data) // 2])
    with pytest.raises(SourceError, match=rf"cannot list {TOP}0\{ending}: "):
        listed(tmp_path, f"0{ending}")
    bucket.put(f"0{ending}", MAKE[ending](IMAGES))

    def replace(method: str, path: str) -> None:
        if method == "GET" and path.endswith(ending):
            bucket.trouble = lambda method, path: None
            bucket.put(f"0{ending}", MAKE[ending]({"x.jpg": b"x", **IMAGES}))

    bucket.trouble = replace
    with pytest.raises(SourceError, match="changed since it was listed"):
        listed(tmp_path, f"0{ending}")


def test_frames_of_an_object_are_images(bucket: Bucket, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    pages = [np.full((8, 8, 3), 80 * n, np.uint8) for n in range(3)]
    whole, data = cv2.imencodemulti(".tiff", pages)
    assert whole
    bucket.put("s.tif", data.tobytes())
    bucket.put("one.tif", cv2.imencode(".tiff", pages[0])[1].tobytes())
    images = listed(tmp_path, "", frames="all")
    assert [image.path.removeprefix(TOP) for image in images] == [
        "one.tif", "s.tif//0", "s.tif//1", "s.tif//2"
    ]  # fmt: skip
    for image, page in zip(images, [pages[0], *pages], strict=True):
        read = np.frombuffer(EveryPlace().read(image), np.uint8)
        picture = cv2.imdecode(read, cv2.IMREAD_COLOR)
        assert picture is not None
        assert np.array_equal(picture, page)


def test_a_large_tar_is_not_read_to_be_listed(bucket: Bucket, tmp_path: Path) -> None:
    members = {f"{n}.jpg": bytes(2 << 20) for n in range(6)}
    bucket.put("0.tar", MAKE[".tar"](members))
    bucket.asked.clear()
    assert len(listed(tmp_path, "0.tar")) == 6
    assert bytes_asked(bucket) < 1 << 20
