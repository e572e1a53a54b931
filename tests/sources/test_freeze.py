"""Freezing lists every image once, in byte order, or says what is wrong."""

import errno
import hashlib
import io
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchcls.errors import SourceError, StoppedError
from batchcls.images import Folder
from batchcls.job.job import Job
from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import InputsList, InputsReader

Tree = Callable[..., Path]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    path = tmp_path / "out.jsonl.job/inputs"
    path.parent.mkdir()
    return path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Makes empty files below a new current directory."""
    top = tmp_path / "work"
    top.mkdir()
    monkeypatch.chdir(top)

    def make(*names: str) -> Path:
        for name in names:
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return top

    return make


def paths(found: InputsList, inputs: Path) -> list[str]:
    with closing(InputsReader(inputs, found.root)) as reader:
        images = list(reader)
    assert [image.index for image in images] == list(range(found.count))
    assert {image.place for image in images} == {Folder(found.root)}
    content = inputs.read_bytes()
    assert content == b"".join(os.fsencode(image.path) + b"\0" for image in images)
    assert hashlib.sha256(content).hexdigest() == found.sha256
    assert list(inputs.parent.iterdir()) == [inputs]  # nothing temporary stays
    return [image.path for image in images]


def test_one_directory_is_the_root(tree: Tree, inputs: Path) -> None:
    top = tree(
        "in/b.jpg", "in/a/z.PNG", "in/a.jpg", "in/a-b.gif", "in/notes.txt", "in/a/deep/x.tif"
    )
    found = freeze(Job(sources=("in",)), inputs)
    assert found.root == str(top / "in")
    assert paths(found, inputs) == ["a-b.gif", "a.jpg", "a/deep/x.tif", "a/z.PNG", "b.jpg"]
    assert (found.duplicates, found.left_out) == (0, {".txt": 1})


def test_several_sources_keep_their_order_and_their_spelling(tree: Tree, inputs: Path) -> None:
    top = tree("one/b.jpg", "two/a.jpg", "three.jpg", "odd.name")
    found = freeze(Job(sources=("two/", "odd.name", "./one", str(top / "three.jpg"))), inputs)
    assert found.root == str(top)
    assert paths(found, inputs) == [
        "two/a.jpg", "odd.name", "./one/b.jpg", str(top / "three.jpg")
    ]  # fmt: skip


def test_a_path_counts_once_however_it_is_spelled(tree: Tree, inputs: Path) -> None:
    top = tree("in/a.jpg", "in/b.jpg", "c.jpg")
    (top / "list").write_text(f"c.jpg\nin//a.jpg\n./in/./b.jpg\n{top}/c.jpg\nnew.jpg\n")
    found = freeze(Job(sources=("c.jpg", "in", "@list", "c.jpg")), inputs)
    assert paths(found, inputs) == ["c.jpg", "in/a.jpg", "in/b.jpg", "new.jpg"]
    assert found.duplicates == 5


def test_hard_links_and_links_to_files_are_images_of_their_own(tree: Tree, inputs: Path) -> None:
    top = tree("in/a.jpg")
    (top / "in/b.jpg").hardlink_to(top / "in/a.jpg")
    (top / "in/c.jpg").symlink_to("a.jpg")
    (top / "in/d.jpg").symlink_to("nowhere")
    os.mkfifo(top / "in/e.jpg")
    found = freeze(Job(sources=("in",)), inputs)
    assert paths(found, inputs) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]


@pytest.mark.parametrize("follow", [False, True])
def test_linked_directories(tree: Tree, inputs: Path, follow: bool) -> None:
    top = tree("in/a.jpg", "elsewhere/b.jpg")
    (top / "in/link").symlink_to(top / "elsewhere")
    (top / "in/loop").symlink_to(top / "in")
    (top / "elsewhere/mutual").symlink_to(top / "in")
    found = freeze(Job(sources=("in",), follow_links=follow), inputs)
    assert paths(found, inputs) == (["a.jpg", "link/b.jpg"] if follow else ["a.jpg"])
    assert len(found.skipped) == (2 if follow else 1)
    assert found.left_out == ({} if follow else {"link/": 1, "loop/": 1})


def test_a_source_that_is_a_link_is_entered(tree: Tree, inputs: Path) -> None:
    top = tree("in/a.jpg")
    (top / "link").symlink_to("in")
    found = freeze(Job(sources=("link",)), inputs)
    assert (found.root, paths(found, inputs)) == (str(top / "link"), ["a.jpg"])


def test_dots_in_a_source_are_resolved(tree: Tree, inputs: Path) -> None:
    top = tree("in/sub/a.jpg", "in/b.jpg")
    assert freeze(Job(sources=("./in/sub/../",)), inputs).root == str(top / "in")
    assert freeze(Job(sources=("./in/.",)), inputs).root == str(top / "in")


def test_name_patterns(tree: Tree, inputs: Path) -> None:
    tree("in/a.JPG", "in/b.dat", "in/img1.x", "in/IMG2.X", "in/.jpg", "in/c.jpg.bak", "in/jpg")
    for names, expected in (
        (("*.jpg",), [".jpg", "a.JPG"]),
        (("img?.x", "*.DAT"), ["IMG2.X", "b.dat", "img1.x"]),
        (("*",), [".jpg", "IMG2.X", "a.JPG", "b.dat", "c.jpg.bak", "img1.x", "jpg"]),
        (("[ab].*",), ["a.JPG", "b.dat"]),
    ):
        found = freeze(Job(sources=("in",), names=names), inputs)
        assert paths(found, inputs) == expected


def test_the_job_directory_is_not_listed(tree: Tree) -> None:
    top = tree("in/a", "in/results.job/inputs")
    found = freeze(Job(sources=("in",), names=("*",)), top / "in/results.job/inputs")
    assert found.count == 1


@pytest.fixture
def failing_scandir(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes directories called "secret" fail to be listed (root could list them otherwise)."""

    def fail_with(number: int) -> None:
        real = os.scandir

        def scandir(path: str | bytes) -> object:
            if os.fsencode(path).endswith(b"secret/"):
                raise OSError(number, os.strerror(number))
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return fail_with


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR])
def test_a_directory_that_is_forbidden_or_gone_is_told(
    tree: Tree, inputs: Path, failing_scandir: Callable[[int], None], number: int
) -> None:
    tree("in/a.jpg", "in/secret/b.jpg", "in/z.jpg")
    failing_scandir(number)
    found = freeze(Job(sources=("in",)), inputs)
    assert paths(found, inputs) == ["a.jpg", "z.jpg"]
    assert found.skipped == (f"cannot list in/secret/: {os.strerror(number)}",)


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.EIO, SourceError, "incomplete"),
        (errno.ESTALE, SourceError, "incomplete"),
        (errno.EMFILE, StoppedError, r"raise the limit of open files \(`ulimit -n`\)"),
    ],
)
def test_a_failing_file_system_gives_no_short_list(
    tree: Tree,
    inputs: Path,
    failing_scandir: Callable[[int], None],
    number: int,
    error: type[Exception],
    words: str,
) -> None:
    tree("in/a.jpg", "in/secret/b.jpg")
    failing_scandir(number)
    with pytest.raises(error, match=words):
        freeze(Job(sources=("in",)), inputs)
    assert not list(inputs.parent.iterdir())


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ((), "no source"),
        (("missing",), "source missing: No such file"),
        (("@missing",), "list missing: No such file"),
        (("empty",), r"no images found in empty: no file name matches \*\.jpg"),
        (("@empty.txt",), "the list is empty"),
        (("in", "in/sub"), "sources in and in/sub overlap"),
        (("in/sub", "other", "./in"), "sources ./in and in/sub overlap"),
        (("in", "in/../in/"), "the same directory"),
        (("in", "link"), "overlap|same directory"),
        (("-", "-"), "only once"),
    ],
)
def test_wrong_sources_are_refused(
    tree: Tree, inputs: Path, sources: tuple[str, ...], words: str
) -> None:
    top = tree("in/sub/a.jpg", "other/b.jpg", "empty/readme.txt", "empty.txt")
    (top / "link").symlink_to("in")
    with pytest.raises(SourceError, match=words):
        freeze(Job(sources=sources), inputs)
    assert not list(inputs.parent.iterdir())


def test_neighbours_with_a_common_beginning_do_not_overlap(tree: Tree, inputs: Path) -> None:
    tree("a/1.jpg", "a-b/2.jpg", "ab/3.jpg")
    assert freeze(Job(sources=("a", "a-b", "ab")), inputs).count == 3


def test_a_list_from_standard_input(tree: Tree, inputs: Path) -> None:
    tree("a.jpg")
    stdin = io.BytesIO(b"b.jpg\n\na.jpg\r\n c \n")
    found = freeze(Job(sources=("-",)), inputs, stdin=stdin)
    assert paths(found, inputs) == [" c ", "a.jpg", "b.jpg"]


def test_a_list_that_is_named_like_an_image_is_told(tree: Tree, inputs: Path) -> None:
    tree("names.txt", "picture.dat")
    found = freeze(Job(sources=("names.txt", "picture.dat")), inputs)
    assert paths(found, inputs) == ["names.txt", "picture.dat"]
    assert found.skipped == (
        "names.txt is read as an image; for the images that it lists, write @names.txt",
    )


def test_a_list_separated_by_nul(tree: Tree, inputs: Path) -> None:
    tree("new\nline.jpg")
    stdin = io.BytesIO(b"new\nline.jpg\0\xff\xfe.jpg\0")
    found = freeze(Job(sources=("-",), null_separated=True), inputs, stdin=stdin)
    assert paths(found, inputs) == ["new\nline.jpg", "\udcff\udcfe.jpg"]


def test_an_unended_last_line(tree: Tree, inputs: Path) -> None:
    top = tree("whole.jpg")
    job = Job(sources=("-",))
    assert freeze(job, inputs, stdin=io.BytesIO(b"a.jpg\nwhole.jpg")).count == 2
    with pytest.raises(SourceError, match=r"ends in the middle of a path.*'whol'"):
        freeze(job, inputs, stdin=io.BytesIO(b"a.jpg\nwhol"))
    (top / "list").write_bytes(b"\xef\xbb\xbfwhole.jpg\nwhol")
    assert paths(freeze(Job(sources=("@list",)), inputs), inputs) == ["whol", "whole.jpg"]


@pytest.mark.parametrize(
    ("content", "null_separated", "words"),
    [
        (b"a.jpg\0b.jpg\0", False, "add `-0`"),
        (b"a.jpg\nb.jpg\n", True, "leave out `-0`"),
        (b"x" * 100_000, False, "longer than 65,536 bytes"),
        (b"a\n" * 50_000, True, "leave out `-0`"),
    ],
)
def test_a_list_of_another_kind(
    tree: Tree, inputs: Path, content: bytes, null_separated: bool, words: str
) -> None:
    (tree() / "list").write_bytes(content)
    with pytest.raises(SourceError, match=words):
        freeze(Job(sources=("@list",), null_separated=null_separated), inputs)


def test_full_disk_is_said_and_leaves_nothing(
    tree: Tree, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree("in/a.jpg")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoppedError, match="No space left on device; make room"):
        freeze(Job(sources=("in",)), inputs)
    assert not list(inputs.parent.iterdir())


def test_extend_appends_what_is_new(tree: Tree, inputs: Path) -> None:
    top = tree("in/b.jpg", "in/d.jpg")
    job = Job(sources=("in",))
    first = freeze(job, inputs)
    before = inputs.read_bytes()
    assert extend(first, job, inputs) == first
    tree("in/a.jpg", "in/c.jpg")
    (top / "in/d.jpg").unlink()
    second = extend(first, job, inputs)
    assert paths(second, inputs) == ["b.jpg", "d.jpg", "a.jpg", "c.jpg"]
    assert inputs.read_bytes().startswith(before)
    assert second.duplicates == 0
    third = extend(second, job, inputs)
    assert third == second


def test_extend_refuses_another_root(tree: Tree, inputs: Path) -> None:
    tree("in/a.jpg", "other/a.jpg")
    first = freeze(Job(sources=("in",)), inputs)
    before = inputs.read_bytes()
    with pytest.raises(SourceError, match="relative to"):
        extend(first, Job(sources=("other",)), inputs)
    assert inputs.read_bytes() == before


NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@pytest.mark.runs
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), min_size=1, max_size=12))
def test_any_names_come_out_in_byte_order(
    tmp_path_factory: pytest.TempPathFactory, names: set[bytes]
) -> None:
    top = os.fsencode(tmp_path_factory.mktemp("tree"))
    made = set()
    for name in sorted(names):
        path = os.path.join(top, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            made.add(name)
        except OSError:  # a file where this one needs a directory
            continue
    inputs = tmp_path_factory.mktemp("job") / "inputs"
    found = freeze(Job(sources=(os.fsdecode(top),), names=("*",)), inputs)
    assert [os.fsencode(path) for path in paths(found, inputs)] == sorted(made)


def test_what_is_left_out_by_name_is_counted_by_ending(tree: Tree, inputs: Path) -> None:
    tree("in/a.jpg", "in/b.JXL", "in/sub/c.jxl", "in/notes.txt", "in/README", "in/d.png.part")
    found = freeze(Job(sources=("in",)), inputs)
    assert paths(found, inputs) == ["a.jpg"]
    assert found.left_out == {".jxl": 2, ".txt": 1, "": 1, ".part": 1}
    assert found.skipped[0] == (
        "left out by name: 2 .jxl, 1 without an ending, 1 .part, 1 .txt (see `--names`)"
    )


def test_where_raw_files_are_left_out_the_option_is_named(tree: Tree, inputs: Path) -> None:
    tree("in/a.jpg", "in/b.NEF", "in/c.txt")
    found = freeze(Job(sources=("in",)), inputs)
    assert found.skipped[0] == ("left out by name: 1 .nef, 1 .txt (see `--raw` and `--names`)")
    inputs.unlink()
    assert freeze(Job(sources=("in",), raw=True), inputs).count == 2


def test_phones_formats_are_always_listed_and_counted(tree: Tree, inputs: Path) -> None:
    tree("in/a.avif", "in/b.HEIC", "in/sub/c.heic", "in/d.heif", "in/e.HIF", "in/heic")
    found = freeze(Job(sources=("in",)), inputs)
    assert paths(found, inputs) == ["a.avif", "b.HEIC", "d.heif", "e.HIF", "sub/c.heic"]
    assert found.named == {".heic": 2, ".heif": 1, ".hif": 1}


def test_folders_of_runs_are_no_folders_of_images(tree: Tree, inputs: Path) -> None:
    tree("in/a.jpg", "in/r.jsonl.job/lock", "in/r.jsonl.job/log", "in/mine.job/b.jpg")
    found = freeze(Job(sources=("in",)), inputs)
    assert found.left_out == {}
    assert paths(found, inputs) == ["a.jpg", "mine.job/b.jpg"]


def test_folders_that_programs_make_are_left_out_unless_named(tree: Tree, inputs: Path) -> None:
    tree("in/a.jpg", "in/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "in/sub/.Trash-1000/files/b.jpg",
         "in/$Recycle.Bin/S-1/c.jpg", "in/__macosx/._a.jpg", "in/eaDir/d.jpg")  # fmt: skip
    found = freeze(Job(sources=("in",)), inputs)
    assert paths(found, inputs) == ["a.jpg", "eaDir/d.jpg"]
    assert sum(found.left_out.values()) == 4
    assert "folders left out: 1 $Recycle.Bin/" in found.skipped[0]
    inputs.unlink()
    assert freeze(Job(sources=("in/@eaDir",)), inputs).count == 1


def test_patterns_leave_out_files_and_folders(tree: Tree, inputs: Path) -> None:
    tree("in/a.jpg", "in/a_mask.jpg", "in/Thumbs/b.jpg", "in/sub/thumbs/c.jpg", "in/sub/d.jpg")
    found = freeze(Job(sources=("in",), exclude=("*_mask.*", "thumbs")), inputs)
    assert paths(found, inputs) == ["a.jpg", "sub/d.jpg"]
    assert found.left_out == {".jpg": 1, "Thumbs/": 1, "thumbs/": 1}
    assert "left out by name: 1 .jpg (see `--names` and `--exclude`)" in found.skipped[0]


def test_where_everything_is_left_out_it_is_said_why(tree: Tree, inputs: Path) -> None:
    tree("in/a.jxl", "in/b.jxl")
    with pytest.raises(SourceError, match=r"left out by name: 2 \.jxl"):
        freeze(Job(sources=("in",)), inputs)
