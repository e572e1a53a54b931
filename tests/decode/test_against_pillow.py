"""AVIF and HEIC against Pillow 13 and pillow-heif themselves, and HEIC that is cut or damaged.

Run by `tox -e formats`, which has them.
"""

import io
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.decode.decode import decode
from batchcls.decode.sniff import sniff
from batchcls.errors import ImageError
from batchcls.job.job import Job
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader
from tests.support.damaged_files import KINDS, decode_damaged
from tests.support.heif_files import Item, grid, heif, ispe
from tests.support.prefixes import whole_prefixes

Image = pytest.importorskip("PIL.Image", reason="tox -e formats")
ImageOps = pytest.importorskip("PIL.ImageOps", reason="tox -e formats")
pillow_heif = pytest.importorskip("pillow_heif", reason="tox -e formats")
pillow_heif.register_heif_opener()

COUNT = 50
SUBSAMPLINGS = ("4:2:0", "4:2:2", "4:4:4")
"""Of AVIF; of HEIC they are whole numbers."""


def pillows(data: bytes) -> NDArray[np.int64]:
    """RGB as a model's authors get it."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(image).astype(np.int64)


def difference(data: bytes) -> int:
    expected = pillows(data)
    found = decode(data)[:, :, ::-1]
    assert found.shape == expected.shape
    assert sniff(data).upright_size == (expected.shape[1], expected.shape[0])
    return int(np.abs(found - expected).max())


def drawn(number: int) -> Any:
    """A picture of gradients, edges and grain, of some size and mode."""
    rng = np.random.default_rng(number)
    width, height = (int(side) for side in rng.integers(1, 400, 2))
    y, x = np.mgrid[0:height, 0:width]
    colours = np.dstack([x * 3 % 256, y * 4 % 256, x * y // 7 % 256])
    colours[: height // 3, : width // 4] = rng.integers(0, 256, 3)
    grainy = (colours + rng.integers(-12, 13, colours.shape)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(grainy)
    match number % 5:
        case 3:
            return image.convert("L")
        case 4:
            image.putalpha(Image.fromarray(rng.integers(0, 256, (height, width)).astype(np.uint8)))
    return image


def saved(number: int, form: str) -> bytes:
    sampling = SUBSAMPLINGS[number % 3]
    options: dict[str, Any] = {"quality": (30, 60, 75, 90, 100)[number // 3 % 5]}
    image = drawn(number)
    if form == "AVIF":
        options |= {"subsampling": sampling, "range": ("full", "limited")[number % 2]}
        if image.mode == "L":
            options["subsampling"] = "4:0:0"
    else:
        options["chroma"] = int(sampling.replace(":", ""))
        if number % 4 == 1:
            options["tile_size"] = 64
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = number % 8 + 1, "batchcls"
    out = io.BytesIO()
    image.save(out, form, exif=exif, **options)
    return out.getvalue()


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_generated_pictures_are_equal(form: str) -> None:
    files = [saved(number, form) for number in range(COUNT)]
    assert [difference(data) for data in files] == [0] * COUNT


def test_heic_of_ten_bits() -> None:
    wide = np.asarray(drawn(0)).astype(np.uint16) * 257
    height, width = wide.shape[:2]
    file = pillow_heif.from_bytes(mode="RGB;16", size=(width, height), data=wide.tobytes())
    out = io.BytesIO()
    file.save(out, quality=90)
    assert pillow_heif.open_heif(out.getvalue()).info["bit_depth"] == 10
    assert difference(out.getvalue()) == 0


def test_primary_picture_of_several() -> None:
    out = io.BytesIO()
    images = [drawn(number) for number in (5, 10, 15)]
    images[0].save(out, "HEIF", save_all=True, append_images=images[1:], primary_index=1)
    assert sniff(out.getvalue()).upright_size == images[1].size
    assert difference(out.getvalue()) == 0


def animation(form: str) -> bytes:
    frames = [Image.new("RGB", (64, 48), (40 * number, 200, 30)) for number in range(4)]
    for number, frame in enumerate(frames):
        frame.paste((250, 10, 10), (4 + 9 * number, 5, 20 + 9 * number, 30))
    out = io.BytesIO()
    options = {"disposal": 2} if form == "GIF" else {"lossless": True} if form == "WEBP" else {}
    frames[0].save(out, form, save_all=True, append_images=frames[1:], **options)
    return out.getvalue()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF"])
def test_frames_are_pillows(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"all.{form.lower()}"
    Path(name).write_bytes(animation(form))
    listed = freeze(Job(sources=(name,), frames="all"), tmp_path / "inputs")
    with closing(InputsReader(tmp_path / "inputs", listed.root, members=listed.members)) as reader:
        images = list(reader)
    assert [image.path for image in images] == [f"{name}//{number}" for number in range(4)]
    with Image.open(name) as expected:
        for number, image in enumerate(images):
            expected.seek(number)
            found = decode(EveryPlace().read(image))[:, :, ::-1]
            assert (found == np.asarray(expected.convert("RGB"))).all()


def coded(number: int, width: int, height: int) -> Item:
    """A picture as an item of a file put together by hand."""
    out = io.BytesIO()
    drawn(number).convert("RGB").resize((width, height)).save(out, "HEIF", quality=80)
    data = out.getvalue()
    at = data.index(b"hvcC") - 4
    (size,) = struct.unpack_from(">I", data, at)
    content = data[data.index(b"mdat") + 4 :]
    return Item(b"hvc1", content, (ispe(width, height), data[at : at + size]))


def test_grid_as_phones_write_it() -> None:
    tiles = [coded(number, 128, 64) for number in range(6)]
    whole = Item(b"grid", grid(3, 2, 300, 100), (ispe(300, 100),), ((b"dimg", range(2, 8)),))
    data = heif("heic", [whole, *tiles])
    assert sniff(data).upright_size == (300, 100)
    assert difference(data) == 0


@pytest.fixture(scope="module")
def small() -> bytes:
    out = io.BytesIO()
    drawn(0).resize((24, 16)).save(out, "HEIF", quality=50)
    return out.getvalue()


def test_no_prefix_of_a_heic_is_a_picture(small: bytes) -> None:
    assert len(small) < 4096
    assert whole_prefixes(small) == []


def test_bytes_behind_a_heic_do_no_harm(small: bytes) -> None:
    assert (decode(small + b"\0\0trailing;\xff\xd9") == decode(small)).all()


def test_its_name_and_its_brand_do_not_decide(small: bytes) -> None:
    renamed = small.replace(b"ftypheic", b"ftypmif1", 1)
    assert (decode(renamed) == decode(small)).all()


def test_10000_damaged_heics_leave_the_process_alive(
    small: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    original = folder / "small.heic"
    original.write_bytes(small)
    outcomes = decode_damaged(str(original), 10_000, folder)
    assert sum(outcomes.values()) == 10_000
    assert outcomes.keys() <= KINDS
    assert outcomes["corrupt"] > 100


def test_damage_is_told_in_the_same_words_each_time(small: bytes) -> None:
    damaged = small[:-40] + bytes(40)
    told = set()
    for _ in range(3):
        try:
            told.add(decode(damaged).tobytes())
        except ImageError as error:
            told.add(error.message.encode())
    assert len(told) == 1
