import json
from pathlib import Path

import pytest

from batchcls.errors import LabelsError
from batchcls.model.metadata import label_files, labels


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nred fox\n",
        "cat\r\ndog\r\nred fox\r\n",
        "0 cat\n1 dog\n2 red fox\n",
        "0: cat\n1: dog\n2: red fox",
        "2 red fox\n0 cat\n1 dog",
        "1: cat\n2: dog\n3: red fox\n",
        "1\tcat\n2\tdog\n3\tred fox\n",
        "n02123045 cat\nn02084071 dog\nn02119022 red fox",
        '["cat", "dog", "red fox"]',
        '{"0": "cat", "2": "red fox", "1": "dog"}',
        '{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"], "2": ["n02119022", "red fox"]}',
        "\ufeffcat\ndog\nred fox\n\n",
    ],
)
def test_the_forms_labels_come_in(text: str) -> None:
    assert label_files.parse(text.encode(), "labels.txt") == ("cat", "dog", "red fox")


def test_numbers_that_are_names_stay_names() -> None:
    assert label_files.parse(b"7 up\n7 down\n", "x") == ("7 up", "7 down")
    assert label_files.parse(b"1 cat\n2 dog\n", "x") == ("1 cat", "2 dog")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "empty"),
        (b"caf\xe9\n", "not UTF-8 text .byte 3.; save it as UTF-8"),
        (b'["a", 3]', "not text"),
        (b'{"0": "a", "2": "c"}', "id 1 is missing"),
        (b'{"a": "b"}', "not understood: it holds an object with the keys 'a'; expected a name"),
        (b'["a"', "not valid JSON"),
        (b"cat\n\ndog\n", "line 2 is empty"),
    ],
)
def test_what_cannot_be_understood_says_why(data: bytes, match: str) -> None:
    with pytest.raises(LabelsError, match=match):
        label_files.parse(data, "labels.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"nowhere\.txt"):
        label_files.read(tmp_path / "nowhere.txt")


def test_background_row_is_added_and_taken_off() -> None:
    thousand = tuple(f"c{n}" for n in range(1000))
    assert labels.fit(thousand, 1001, "x") == ("background", *thousand)
    assert labels.fit(("background", *thousand), 1000, "x") == thousand
    assert labels.fit(thousand, 1000, "x") == thousand
    assert labels.fit(("a", "b"), 3, "x", first="other") == ("other", "a", "b")


@pytest.mark.parametrize(("count", "classes"), [(999, 1001), (1001, 1000), (2, 1000), (2, 3)])
def test_other_differences_show_both_counts(count: int, classes: int) -> None:
    with pytest.raises(LabelsError, match=f"{count:,} labels.*{classes:,} classes"):
        labels.fit(tuple(f"c{n}" for n in range(count)), classes, "labels.txt")


def test_keras_class_index_round_trip() -> None:
    text = json.dumps({str(n): [f"n{n:08}", f"name {n}"] for n in range(12)})
    assert label_files.parse(text.encode(), "x")[11] == "name 11"
