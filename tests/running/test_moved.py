"""Images that lie elsewhere than when they were listed: the same command, by their new names."""

import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import RefusedError, StoppedError
from batchcls.images import Folder
from batchcls.running.moved import some_sizes
from tests.support.archives import pack
from tests.support.instant_run import Place
from tests.support.numbered import Act, Numbered, Unsynced

pytestmark = pytest.mark.runs

COUNT = 1500


def stopped(place: Place, **options: Any) -> None:
    """The run, until the disk is full at its second commit."""
    commits = 0

    def plan(number: int, name: str, act: Act, args: tuple[Any, ...]) -> Any:
        nonlocal commits
        commits += name == "fdatasync"
        if name == "fdatasync" and commits > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return act(*args)

    with pytest.raises(StoppedError):
        place.run(Numbered(Unsynced(), plan), **options)
    assert place.paths.part.stat().st_size


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder of images that differ in their names, sizes and answers."""
    place = Place(tmp_path / "disk")
    for number in range(COUNT):
        label = "x" * (number % 97 + 1)
        (place.folder / "images" / f"{number:04}.jpg").write_text(label)
    return place


Sources = Callable[[Path], tuple[str, ...]]


def listed(disk: Path) -> tuple[str, ...]:
    """A list of absolute paths, beside the images."""
    paths = sorted((disk / "images").iterdir())
    (disk / "list.txt").write_text("".join(f"{path}\n" for path in paths))
    return (f"@{disk}/list.txt",)


SOURCES: dict[str, Sources] = {
    "a folder": lambda disk: (f"{disk}/images",),
    "images": lambda disk: tuple(str(p) for p in sorted((disk / "images").iterdir())),
    "folders": lambda disk: (f"{disk}/images/", f"{disk}/more"),
    "a list": listed,
    "containers": lambda disk: (f"{disk}/packed",),
    "a container": lambda disk: (f"{disk}/packed/1.tar",),
}


@pytest.mark.runs
@pytest.mark.parametrize("kind", SOURCES)
def test_a_run_goes_on_where_its_images_are_now(place: Place, tmp_path: Path, kind: str) -> None:
    (place.folder / "more").mkdir()
    (place.folder / "more/last.jpg").write_text("last")
    (place.folder / "packed").mkdir()
    for number in range(2):
        held = {f"{n}.jpg": b"x" * (n % 97 + 1) for n in range(number, COUNT)}
        pack(place.folder / f"packed/{number}.tar", held)
    results = tmp_path / "results.jsonl"
    sources = SOURCES[kind](place.folder)
    place.run(sources=sources, output=str(tmp_path / "whole.jsonl"))
    place.paths = type(place.paths).of(results)
    stopped(place, sources=sources, output=str(results))
    safe = place.paths.part.read_bytes()

    place.folder.rename(tmp_path / "mounted")
    place.folder = tmp_path / "mounted"
    there = sources if kind == "a list" else SOURCES[kind](place.folder)
    there = tuple(word.replace(str(tmp_path / "disk"), str(place.folder)) for word in there)
    result = place.run(sources=there, output=str(results))
    assert results.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert results.read_bytes().startswith(safe)
    assert 0 < len(place.leased) < result.images
    assert result.failed == 0

    assert place.run(sources=there, output=str(results)).resumed == result.images
    place.folder.rename(tmp_path / "disk")  # and back again
    assert place.run(sources=sources, output=str(results)).resumed == result.images


def test_images_and_results_move_together(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: dict[str, Any] = {"sources": ("images", "@names"), "output": "results.jsonl"}
    (place.folder / "names").write_text("images/0007.jpg\nimages/0008.jpg\n")
    monkeypatch.chdir(place.folder)
    place.run(**words | {"output": str(tmp_path / "whole.jsonl")})
    stopped(place, **words)
    place.folder.rename(tmp_path / "mounted")
    monkeypatch.chdir(tmp_path / "mounted")
    place.run(**words)
    assert Path("results.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_list_on_standard_input_moves_with_the_directory_it_is_relative_to(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "".join(f"images/{number:04}.jpg\n" for number in range(COUNT))

    def given() -> dict[str, Any]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names.encode())))
        return {"sources": ("-",), "output": "results.jsonl"}

    monkeypatch.chdir(place.folder)
    place.run(**given() | {"output": str(tmp_path / "whole.jsonl")})
    stopped(place, **given())
    place.folder.rename(tmp_path / "mounted")
    monkeypatch.chdir(tmp_path / "mounted")
    assert place.run(**given()).failed == 0
    assert Path("results.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("absolute", [False, True], ids=["a folder", "folders"])
def test_more_of_it_where_the_images_are_now(place: Place, tmp_path: Path, absolute: bool) -> None:
    for number in (3, 900):
        (place.folder / f"images/{number:04}.jpg").write_text("cut off")
    (place.folder / "more").mkdir()
    (place.folder / "more/last.jpg").write_text("last")
    kind = SOURCES["folders" if absolute else "a folder"]
    output = str(tmp_path / "results.jsonl")
    place.run(sources=kind(place.folder), output=output)

    place.folder.rename(tmp_path / "mounted")
    mounted = kind(tmp_path / "mounted")
    (tmp_path / "mounted/images/0003.jpg").write_text("mended")
    (tmp_path / "mounted/images/9999.jpg").write_text("new")
    assert place.run(sources=mounted, output=output, retry_failed=True).failed == 1
    assert list(place.leased) == [3, 900]
    if absolute:
        with pytest.raises(RefusedError, match="lists absolute paths, and the images have moved"):
            place.run(sources=mounted, output=output, extend=True)
    else:
        assert place.run(sources=mounted, output=output, extend=True).images == COUNT + 1
        assert list(place.leased) == [COUNT]
    (tmp_path / "mounted").rename(tmp_path / "again")
    assert place.run(sources=kind(tmp_path / "again"), output=output).resumed >= COUNT


@pytest.mark.runs
@pytest.mark.parametrize("change", ["other sizes", "other names", "gone"])
def test_other_images_are_not_taken_for_those_that_moved(
    place: Place, tmp_path: Path, change: str
) -> None:
    stopped(place)
    before = place.paths.part.read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    for path in (place.folder / "images").iterdir():
        name = f"IMG_{path.name}" if change == "other names" else path.name
        (other / name).write_text(path.read_text() + "y" * (change == "other sizes"))
    if change == "gone":
        for path in other.glob("0*.jpg"):
            path.unlink()
    with pytest.raises(RefusedError, match="was made from other sources") as caught:
        place.run(sources=(str(other),))
    words = "bytes, and had" if change == "other sizes" else "there is no"
    assert "they have not moved there: " in str(caught.value)
    assert words in str(caught.value)
    assert place.paths.part.read_bytes() == before
    place.run()  # as advised: name the old sources


def test_a_source_that_is_not_there_is_named(place: Place) -> None:
    stopped(place)
    with pytest.raises(RefusedError, match="was made from other sources") as caught:
        place.run(sources=(str(place.folder / "typo"),))
    assert f"source {place.folder / 'typo'}: No such file or directory\n" in str(caught.value)


def test_a_few_images_may_be_gone_by_now(place: Place, tmp_path: Path) -> None:
    stopped(place)
    (place.folder / "images").rename(tmp_path / "elsewhere")
    for number in range(1200, 1300):
        (tmp_path / f"elsewhere/{number:04}.jpg").unlink()
    result = place.run(sources=(str(tmp_path / "elsewhere"),))
    assert result.failed_by_kind == {"vanished": 100}


def test_a_folder_beside_one_that_moved_stays_where_it_is(place: Place, tmp_path: Path) -> None:
    (place.folder / "images/inner").mkdir()
    inner = place.folder / "fixed"
    inner.mkdir()
    for number in range(40):
        (inner / f"{number}.jpg").write_text("fixed")
    sources = (f"{place.folder}/images", str(inner))
    place.run(sources=sources, output=str(tmp_path / "whole.jsonl"))
    stopped(place, sources=sources)
    (place.folder / "images").rename(tmp_path / "moved")
    place.run(sources=(str(tmp_path / "moved"), str(inner)))
    assert place.paths.results.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_the_noted_images_are_spread_over_the_list(tmp_path: Path) -> None:
    names = [f"{number:06}.jpg" for number in range(10_000)]
    (tmp_path / "inputs").write_bytes(b"".join(name.encode() + b"\0" for name in names))
    for name in names[::2]:
        (tmp_path / name).touch()
    found = list(some_sizes(tmp_path / "inputs", Folder(str(tmp_path))))
    places = [names.index(name) for name in found]
    assert places == sorted(places)
    assert 8 <= len(places) <= 32
    (tmp_path / "inputs").write_bytes(b"000000.jpg\0000001.jpg\0")
    assert list(some_sizes(tmp_path / "inputs", Folder(str(tmp_path)))) == ["000000.jpg"]
