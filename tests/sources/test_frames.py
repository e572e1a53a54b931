"""`--frames`: pages and frames as images of their own, listed once and reached at once."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.decode import header
from batchcls.decode.decode import decode
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError, SourceError, UsageError
from batchcls.images import FRAME_MARK, ImageRef
from batchcls.job.job import Job
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import InputsReader
from tests.support.golden_files import GOLDENS

Pixels = NDArray[np.uint8]
COUNT = 5


def drawn(number: int) -> Pixels:
    pixels: Pixels = np.full((24, 32, 3), (30, 60, 10 + 40 * number), np.uint8)
    pixels[4:12, 2 + 5 * number : 10 + 5 * number] = (250, 10, 200)
    return pixels


def pages() -> list[Pixels]:
    return [drawn(number) for number in range(COUNT)]


def animated(ending: str) -> bytes:
    animation = cv2.Animation()
    animation.frames = [np.dstack([one, np.full(one.shape[:2], 255, np.uint8)]) for one in pages()]
    animation.durations = [100] * COUNT
    ok, data = cv2.imencodeanimation(ending, animation)
    assert ok
    return bytes(data.tobytes())


def tiff() -> bytes:
    ok, data = cv2.imencodemulti(".tiff", pages())
    assert ok
    return bytes(data.tobytes())


FILES: dict[str, Callable[[], bytes]] = {
    "a.tiff": tiff,
    "b.gif": lambda: animated(".gif"),
    "c.webp": lambda: animated(".webp"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def listed(folder: Path, frames: str) -> list[ImageRef]:
    inputs = folder.parent / "inputs"
    found = freeze(Job(sources=(str(folder),), frames=frames), inputs)
    reader = InputsReader(inputs, found.root, members=found.members)
    images = list(reader)
    reader.close()
    return images


def names(images: Sequence[ImageRef]) -> list[str]:
    return [image.path for image in images]


@pytest.mark.parametrize("name", FILES)
def test_each_frame_is_an_image(folder: Path, name: str) -> None:
    (folder / name).write_bytes(FILES[name]())
    images = listed(folder, "all")
    assert names(images) == [f"{name}//{number}" for number in range(COUNT)]
    near = 40 if name == "b.gif" else 12 if name == "c.webp" else 0  # few colours, and lossy
    for image, expected in zip(images, pages(), strict=True):
        pixels = decode(EveryPlace().read(image)).astype(int)
        assert pixels.shape == expected.shape
        assert np.median(np.abs(pixels - expected)) <= near


def test_every_third_and_the_first_alone(folder: Path) -> None:
    (folder / "a.tiff").write_bytes(tiff())
    assert names(listed(folder, "every:3")) == ["a.tiff//0", "a.tiff//3"]
    assert names(listed(folder, "first")) == ["a.tiff"]


def test_what_has_one_frame_or_cannot_be_read_is_a_file(folder: Path) -> None:
    (folder / "a.gif").write_bytes(GOLDENS["gif"].data)
    (folder / "b.webp").write_bytes(GOLDENS["webp lossy"].data)
    (folder / "c.tif").write_bytes(GOLDENS["tiff lzw"].data)
    (folder / "d.gif").write_bytes(b"")
    (folder / "e.tif").write_bytes(b"no picture")
    (folder / "f.gif").symlink_to("nowhere")
    os.mkfifo(folder / "g.gif")
    images = listed(folder, "all")
    assert names(images) == ["a.gif", "b.webp", "c.tif", "d.gif", "e.tif", "f.gif", "g.gif"]
    assert not (folder.parent / "places").exists()


def test_a_page_that_points_back_ends_the_list(folder: Path) -> None:
    data = bytearray(tiff())
    size = GOLDENS["tiff pages"].data
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    following = at + 2 + 12 * count
    data[following : following + 4] = data[4:8]
    (folder / "a.tiff").write_bytes(bytes(data))
    (folder / "b.tif").write_bytes(size)
    assert names(listed(folder, "all")) == ["a.tiff", "b.tif//0", "b.tif//1"]


@pytest.mark.parametrize("name", ["b.gif", "c.webp"])
def test_a_frame_that_is_cut_off_is_truncated(folder: Path, name: str) -> None:
    (folder / name).write_bytes(FILES[name]())
    last = EveryPlace().read(listed(folder, "all")[-1])
    assert FRAME_MARK[:4] in last
    assert sniff(last).frame == COUNT - 1
    whole = decode(last)
    for cut in range(1, len(last), 3):
        try:
            assert (decode(last[:-cut]) == whole).all(), cut
        except ImageError as error:
            assert error.kind in ("truncated", "not_image"), (cut, error)


@pytest.mark.parametrize("name", ["b.gif", "c.webp"])
def test_a_later_frame_behind_too_many_pixels_is_too_large(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / name).write_bytes(FILES[name]())
    files = [EveryPlace().read(image) for image in listed(folder, "all")]
    monkeypatch.setattr(header, "MAX_PICTURES", 3)  # of 32 x 24
    assert [sniff(data, 32 * 24).frame for data in files[:3]] == [0, 1, 2]
    for data in files[3:]:
        with pytest.raises(ImageError, match="over the limit of 2304") as caught:
            sniff(data, 32 * 24)
        assert caught.value.kind == "too_large"


def test_a_changed_file_is_never_another_frame(folder: Path) -> None:
    (folder / "a.tiff").write_bytes(tiff())
    images = listed(folder, "all")
    (folder / "a.tiff").write_bytes(GOLDENS["tiff pages"].data)
    with pytest.raises(ImageError) as caught:
        EveryPlace().read(images[1])
    assert caught.value.kind == "changed"


@pytest.mark.parametrize("later", [GOLDENS["tiff lzw"].data, b"no picture"])
def test_extend_adds_no_file_beside_its_frames(folder: Path, later: bytes) -> None:
    (folder / "a.tiff").write_bytes(tiff())
    inputs, job = folder.parent / "inputs", Job(sources=(str(folder),), frames="all")
    first = freeze(job, inputs)
    assert extend(first, job, inputs).count == COUNT
    (folder / "a.tiff").write_bytes(later)
    with pytest.raises(SourceError, match=r"a\.tiff has changed since it was listed"):
        extend(first, job, inputs)


@pytest.mark.parametrize("value", ["last", "every", "every:0", "every:-1", "2"])
def test_other_values_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="first, all or every:N"):
        Job(sources=("x",), frames=value).check()
