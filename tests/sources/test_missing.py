"""Lists of images that are not there: one is a line of the results, all of them are a mistake."""

import io
import subprocess
from pathlib import Path

import pytest

from batchcls.errors import SourceError
from batchcls.job.job import Job
from batchcls.sources.freezing import freeze
from batchcls.sources.missing import LOOKED_AT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with images in `in`."""
    folder = tmp_path / "work"
    (folder / "in").mkdir(parents=True)
    for name in ("a.jpg", "b c.jpg"):
        (folder / "in" / name).touch()
    monkeypatch.chdir(folder)
    return folder


def count(tmp_path: Path, *sources: str) -> int:
    (tmp_path / "job").mkdir(exist_ok=True)
    return freeze(Job(sources=sources), tmp_path / "job/inputs").count


def refusal(tmp_path: Path, *sources: str) -> str:
    with pytest.raises(SourceError) as caught:
        count(tmp_path, *sources)
    assert not list((tmp_path / "job").iterdir())
    return str(caught.value)


@pytest.mark.parametrize("number", [1, 3, LOOKED_AT, LOOKED_AT + 500])
def test_a_list_of_nothing_but_missing_images_is_refused(
    folder: Path, tmp_path: Path, number: int
) -> None:
    (folder / "list").write_text("".join(f"out/{n}.jpg\n" for n in range(number)))
    said = refusal(tmp_path, "@list")
    paths = "the first 1,000 paths" if number >= LOOKED_AT else "its paths"
    assert said == (
        f"list list: none of {paths} exists in {folder}, the first being out/0.jpg; run batchcls "
        "in the folder that they are relative to, or write them in full"
    )


def test_one_image_that_is_there_is_enough(folder: Path, tmp_path: Path) -> None:
    lines = [*(f"out/{n}.jpg" for n in range(LOOKED_AT - 1)), "in/a.jpg", "gone.jpg"]
    (folder / "list").write_text("\n".join(lines))
    assert count(tmp_path, "@list") == LOOKED_AT + 1


def test_a_broken_link_is_there(folder: Path, tmp_path: Path) -> None:
    (folder / "link.jpg").symlink_to("nowhere")
    (folder / "list").write_text("link.jpg\n")
    assert count(tmp_path, "@list") == 1


def test_full_paths_on_a_disk_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    (folder / "list").write_text("/nowhere/1.jpg\n/nowhere/2.jpg\n")
    assert refusal(tmp_path, "@list", "in").endswith(
        "none of its paths exists, the first being /nowhere/1.jpg; is the disk mounted?"
    )


def test_standard_input(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^standard input: none of its paths exists in "):
        freeze(Job(sources=("-",)), tmp_path / "inputs", stdin=io.BytesIO(b"x.jpg\ny.jpg\n"))


@pytest.mark.parametrize(
    ("lines", "why", "mended"),
    [
        ("in/a.jpg 65\nin/b c.jpg 7\n", "holds more than paths: 'in/a.jpg 65', and 'in/a.jpg'", 2),
        ("in/a.jpg\tgolden retriever\nin/b c.jpg\tcat\n", "holds more than paths", 2),
        ("in/a.jpg,cat\nin/b c.jpg,dog\n", "holds more than paths", 2),
        ("in/none.jpg,cat\nin/b c.jpg,dog\n", "holds more than paths", 2),
        ('"in/a.jpg"\n"in/b c.jpg"\n', 'holds paths in quotes: "in/a.jpg"', 2),
        ("'in/a.jpg'\n", "holds paths in quotes", 1),
        ("in/a.jpg golden retriever\n", "give it one path per line", 0),
        ('"in/a.jpg" 3\n', "and 'in/a.jpg' exists", 0),
    ],
)
def test_what_else_a_list_may_hold_is_said_and_how_to_mend_it(
    folder: Path, tmp_path: Path, lines: str, why: str, mended: int
) -> None:
    (folder / "the list").write_text(lines)
    said = refusal(tmp_path, "@the list")
    assert said.startswith("list the list ")
    assert why in said
    if mended:
        subprocess.run(["sh", "-c", said.split("`")[1]], check=True)
        assert count(tmp_path, "@paths.txt") == mended


def test_a_folder_that_is_called_like_the_beginning_of_a_path_is_no_guess(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "list").write_text("in 2024/a.jpg\n")
    assert "none of its paths exists" in refusal(tmp_path, "@list")


def test_paths_that_are_relative_to_the_folder_of_the_list(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "in/list").write_text("a.jpg\nb c.jpg\n")
    said = refusal(tmp_path, f"@{folder}/in/list")
    assert said.endswith(f"run batchcls in {folder}/in, or write the paths in full")
    monkeypatch.chdir(folder / "in")
    assert count(tmp_path, f"@{folder}/in/list") == 2


def test_urls_are_no_paths(folder: Path, tmp_path: Path) -> None:
    url = f"file://{folder}/in/b%20c.jpg"
    (folder / "l.txt").write_text(f"{url}\n")
    told = refusal(tmp_path, "@l.txt")
    assert told.endswith(f"the first being {url}; name it by its path: {folder}/in/b c.jpg")
    (folder / "l.txt").write_text(f"file://{folder}/in/a.jpg\n")
    command = refusal(tmp_path, "@l.txt").split("`")[1]
    subprocess.run(command, shell=True, check=True)
    assert count(tmp_path, "@paths.txt") == 1
    (tmp_path / "job/inputs").unlink()
    (folder / "l.txt").write_text("ftp://example.org/a.jpg\n")
    assert "download them" in refusal(tmp_path, "@l.txt")
    assert f"name it by its path: {folder}/in" in refusal(tmp_path, f"file://{folder}/in")
    assert "download them" in refusal(tmp_path, "smb://server/photos")
    (folder / "l.txt").write_text("s3://bucket/a.jpg\n")
    assert "name the bucket or its prefix itself" in refusal(tmp_path, "@l.txt")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_list_in_utf_16_is_told_so(folder: Path, tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.endswith("le") else ""
    (folder / "l.txt").write_bytes(f"{mark}in/a.jpg\r\n".encode(encoding))
    assert "is UTF-16 text; save it as UTF-8" in refusal(tmp_path, "@l.txt")
