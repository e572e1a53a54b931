"""Members of containers, whatever holds them: listed whole, read right, or refused in words."""

import os
import random
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from batchcls.errors import ImageError, SourceError
from batchcls.images import ImageRef, Member
from batchcls.job.job import Job
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import extend
from batchcls.sources.inputs import InputsReader
from batchcls.sources.sample import sample, spread
from tests.support.archives import MAKE, pack
from tests.support.frozen import frozen, images
from tests.support.members import listed, outcome

IMAGES = {
    "b.jpg": b"b" * 700,
    "a/x.JPG": b"x" * 1300,
    "a/x.y.jpg": b"dots" * 9,
    "dots.in/folder/1.png": b"1" * 512,
    "ü.jpg": b"name",
}
OTHERS = dict.fromkeys(("a/x.cls", "a/x.json", "x.txt", "no-ending", "._b.jpg"), b"no image")
KINDS = sorted(MAKE)


@pytest.fixture(params=KINDS)
def ending(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def contents(refs: list[ImageRef]) -> list[tuple[str, bytes]]:
    source = EveryPlace()
    return [(ref.path, source.read(ref)) for ref in refs]


def under(prefix: str, held: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    return [(prefix + name, content) for name, content in held.items()]


def test_a_container_is_its_images_in_its_own_order(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"shard{ending}"
    pack(path, {**IMAGES, **OTHERS})
    found = frozen(tmp_path, str(path))
    assert contents(images(found)) == under(f"{path}//", IMAGES)
    assert found[0].left_out == {".cls": 1, ".json": 1, ".txt": 1, "": 1, ".jpg": 1}


def test_a_directory_mixes_files_and_containers_in_byte_order(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    for name in ("a.jpg", "z.jpg"):
        (folder / name).write_bytes(name.encode())
    pack(folder / f"b/1{ending}", IMAGES)
    pack(folder / f"c{ending.upper()}", {"c.jpg": b"c"})
    found = frozen(tmp_path, str(folder))
    assert contents(images(found)) == [
        ("a.jpg", b"a.jpg"), *under(f"b/1{ending}//", IMAGES),
        (f"c{ending.upper()}//c.jpg", b"c"), ("z.jpg", b"z.jpg"),
    ]  # fmt: skip


def test_a_run_of_files_has_nothing_beside_its_list(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    listed, path = frozen(tmp_path, str(tmp_path / "a.jpg"))
    assert os.listdir(path.parent) == ["inputs"]
    assert "members" not in listed.as_dict()


def test_any_image_is_reached_at_once(tmp_path: Path, ending: str) -> None:
    held = {f"{n}.jpg": str(n).encode() for n in range(3000)}
    pack(tmp_path / f"s{ending}", held)
    listed, path = frozen(tmp_path, str(tmp_path / f"s{ending}"))
    chance = random.Random(1)
    with closing(InputsReader(path, listed.root, members=listed.members)) as reader:
        source = EveryPlace()
        for index in [2999, 0, 1, 1500, *chance.choices(range(3000), k=50)]:
            reader.seek(index)
            (ref,) = reader.chunk(1)
            assert (ref.index, source.read(ref)) == (index, str(index).encode())


def test_a_name_that_comes_twice_is_two_images(tmp_path: Path) -> None:
    one, two = (MAKE[".tar"]({"x.jpg": content}) for content in (b"one", b"two"))
    path = tmp_path / "both.tar"
    path.write_bytes(one[:1024] + two)
    refs = images(frozen(tmp_path, str(path), str(path)))
    assert contents(refs) == [(f"{path}//x.jpg", b"one"), (f"{path}//x.jpg", b"two")]


def test_a_container_named_twice_counts_once(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pack(tmp_path / f"s{ending}", IMAGES)
    found = frozen(tmp_path, f"s{ending}", f"./s{ending}", f".//s{ending}")
    assert contents(images(found)) == under(f"s{ending}//", IMAGES)
    assert found[0].duplicates == 2 * len(IMAGES)


def test_extend_adds_members_of_new_containers_and_newly_wanted_ones(
    tmp_path: Path, ending: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    first, path = frozen(tmp_path, str(folder))
    pack(folder / f"b{ending}", {"1.jpg": b"1", "2.gif": b"2"})
    second = extend(first, Job(sources=(str(folder),), names=("*.jpg",)), path)
    pack(folder / f"0{ending}", {"1.jpg": b"another"})
    third = extend(second, Job(sources=(str(folder),)), path)
    assert contents(images((third, path))) == [
        ("a.jpg", b"a"), (f"b{ending}//1.jpg", b"1"),
        (f"0{ending}//1.jpg", b"another"), (f"b{ending}//2.gif", b"2"),
    ]  # fmt: skip
    assert extend(third, Job(sources=(str(folder),)), path) == third


def test_a_container_that_has_changed_cannot_be_extended(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pack(folder / f"b{ending}", {"1.jpg": b"1"})
    first, path = frozen(tmp_path, str(folder))
    pack(folder / f"b{ending}", {"1.jpg": b"1", "2.jpg": b"2"})
    with pytest.raises(SourceError, match="has changed since it was listed"):
        extend(first, Job(sources=(str(folder),)), path)


def test_a_changed_container_gives_no_other_images(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"s{ending}"
    pack(path, IMAGES)
    refs = images(frozen(tmp_path, str(path)))
    reader = EveryPlace()
    reader.read(refs[0])
    pack(path, {"first.jpg": b"pushes all others back", **IMAGES})
    assert [outcome(ref) for ref in refs] == ["changed"] * len(refs)
    with pytest.raises(ImageError, match="its container has changed"):
        reader.read(refs[1])  # it had the file open
    path.unlink()
    assert outcome(refs[0]) == "vanished"


def test_one_that_keeps_its_size_has_changed_by_its_time(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"s{ending}"
    pack(path, IMAGES)
    refs = images(frozen(tmp_path, str(path)))
    os.utime(path, ns=(1, 1))
    assert {outcome(ref) for ref in refs} == {"changed"}


def test_empty_and_large_members_are_failures(tmp_path: Path, ending: str) -> None:
    pack(tmp_path / f"s{ending}", {"empty.jpg": b"", "a.jpg": b"a"})
    empty, full = images(frozen(tmp_path, str(tmp_path / f"s{ending}")))
    assert outcome(empty) == "empty"
    assert isinstance(full.place, Member)
    large = full._replace(place=full.place._replace(size=1 << 31))
    assert outcome(large) == "too_large"


def test_names_and_exclude_hold_inside(tmp_path: Path, ending: str) -> None:
    held = {"a/1.jpg": b"1", "mask/1.jpg": b"2", "__MACOSX/a/1.jpg": b"3", "a/1_mask.jpg": b"4"}
    pack(tmp_path / f"s{ending}", held)
    found = frozen(tmp_path, str(tmp_path / f"s{ending}"), exclude=("mask", "*_mask.*"))
    assert [ref.path.rpartition("//")[2] for ref in images(found)] == ["a/1.jpg"]


def test_names_without_an_ending_can_be_asked_for(tmp_path: Path, ending: str) -> None:
    pack(tmp_path / f"s{ending}", {"00017": b"1", "x.jpg": b"2"})
    found = frozen(tmp_path, str(tmp_path / f"s{ending}"), names=("*",))
    assert [ref.path.rpartition("//")[2] for ref in images(found)] == ["00017", "x.jpg"]


def test_a_sample_is_read_as_the_run_would(tmp_path: Path, ending: str) -> None:
    held = {f"{n}.jpg": str(n).encode() for n in range(100)}
    pack(tmp_path / f"s{ending}", held)
    found = sample(Job(sources=(str(tmp_path / f"s{ending}"),)), 4)
    assert [ref.index for ref in found] == spread(100, 4)
    assert [content for _, content in contents(found)] == [b"%d" % n for n in spread(100, 4)]


@pytest.mark.runs
@pytest.mark.timeout(900)
def test_every_prefix_is_refused_or_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"s{ending}"
    pack(path, IMAGES)
    size = path.stat().st_size
    whole = 0
    for length in reversed(range(size)):
        os.truncate(path, length)
        try:
            found = listed(path)
        except SourceError as error:
            assert str(path) in str(error)
        else:
            assert contents(found) == under(f"{path}//", IMAGES)
            whole += 1
    assert whole < size / 2, "padding alone"


@pytest.mark.runs
@pytest.mark.timeout(900)
def test_a_changed_byte_is_refused_named_or_that_image_alone(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"s{ending}"
    pack(path, IMAGES)
    data = path.read_bytes()
    held = {f"{path}//{name}": content for name, content in IMAGES.items()}
    chance = random.Random(7)
    with path.open("r+b", buffering=0) as file:
        for _ in range(10_000):
            at = chance.randrange(len(data))
            os.pwrite(file.fileno(), bytes([data[at] ^ chance.randrange(1, 256)]), at)
            with suppress(SourceError):
                for ref in listed(path):
                    got = outcome(ref)
                    if isinstance(got, str) or ref.path not in held:
                        continue  # it is named, or its name was changed
                    expected = held[ref.path]
                    assert len(got) == len(expected), f"byte {at}"
                    differ = sum(a != b for a, b in zip(got, expected, strict=True))
                    assert differ <= (ending == ".tar"), f"byte {at}"
            os.pwrite(file.fileno(), data[at : at + 1], at)
