"""Truth files in the forms people have them, and looking images up in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import UsageError
from batchcls.report.truth import FolderTruths, ListedTruths, Truth, parse

TENCH = Truth(0, "tench, Tinca tinca")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('file,index,label\na.jpg,0,"tench, Tinca tinca"\n', TENCH),
        ('a.jpg,0,"tench, Tinca tinca"\n', TENCH),
        ('\ufefffile,label,index\r\na.jpg,"tench, Tinca tinca",0\r\n', TENCH),
        ("file,label\na.jpg,tench", Truth(None, "tench")),
        ("a.jpg,tench\n\n", Truth(None, "tench")),
        ("a.jpg,0\n", Truth(0, None)),
        ("path,class\na.jpg,7\nb.jpg,12\n", Truth(7, None)),
        ("path,class\na.jpg,7\nb.jpg,cock\n", Truth(None, "7")),
        ("filename\tclass_id\tclass_name\na.jpg\t3\ttiger, shark\n", Truth(3, "tiger, shark")),
        ("split,Image,Target\nval,./a.jpg,5\n", Truth(5, None)),
    ],
)
def test_columns_are_found(text: str, found: Truth) -> None:
    assert parse(text).of("a.jpg") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t: empty"),
        ("file,label\n", "t: no rows below the header"),
        ("file,label\na.jpg\n", "t: row 2 has 1 columns, not 2"),
        ("a,b,c,d\n", "t: columns not recognised (a, b, c, d)"),
        ("file,colour\na.jpg,red\n", "t: columns not recognised (file, colour)"),
        ("file,index\na.jpg,two\n", "t: a.jpg: 'two' is not an index"),
        ("a.jpg,cat\n./a.jpg,dog\n", "t: a.jpg is listed twice, with different classes"),
        ('a.jpg,"' + "x" * 200_000 + '"\n', "t: not a CSV file: field larger"),
    ],
)
def test_what_is_no_truth_file_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "t")
    assert str(caught.value).startswith(message)


def listed(*paths: str) -> ListedTruths:
    return ListedTruths((path, Truth(number, None)) for number, path in enumerate(paths))


def test_a_path_may_be_longer_or_shorter_than_in_the_results() -> None:
    truths = listed("val/cat/1.jpg", "2.jpg", "/data/dog/3.jpg")
    assert truths.of("cat/1.jpg") == Truth(0, None)
    assert truths.of("deep/below/2.jpg") == Truth(1, None)
    assert truths.of("dog/3.jpg") == Truth(2, None)
    assert truths.of("4.jpg") is None
    assert truths.of("at/1.jpg") is None  # a part of a name is no part of a path
    assert truths.unused == 0


def test_what_could_be_several_is_refused() -> None:
    truths = listed("1.jpg")
    assert truths.of("a/1.jpg") == truths.of("a/1.jpg") == Truth(0, None)
    with pytest.raises(UsageError, match=r"1\.jpg could be a/1\.jpg or b/1\.jpg"):
        truths.of("b/1.jpg")
    with pytest.raises(UsageError, match=r"1\.jpg could be a/1\.jpg or b/1\.jpg"):
        listed("a/1.jpg", "b/1.jpg").of("1.jpg")


@pytest.mark.runs
@given(st.sets(st.from_regex(r"[ab]{1,2}(/[ab]{1,2}){0,2}", fullmatch=True), min_size=1))
def test_exact_paths_always_find_their_own_row(paths: set[str]) -> None:
    rows = sorted(paths)
    truths = listed(*rows)
    assert [truths.of(path) for path in rows] == [Truth(n, None) for n in range(len(rows))]
    assert truths.unused == 0


def test_the_folder_is_the_class() -> None:
    assert FolderTruths().of("photos/cat/1.jpg") == Truth(None, "cat")
    assert FolderTruths().of("1.jpg") is None
    assert FolderTruths().of("shards/0.tar//cat/1.jpg") == Truth(None, "cat")
    assert FolderTruths().of("shards/0.tar//1.jpg") is None, "a shard is no class"
    assert FolderTruths().of("photos//cat//1.jpg") == Truth(None, "cat")


def test_a_truth_is_named_by_its_label() -> None:
    assert (str(TENCH), str(Truth(3, None))) == ("tench, Tinca tinca", "class 3")
