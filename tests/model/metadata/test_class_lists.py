"""Which classes a file names: each line one, or it is refused with the line and what is near."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import LabelsError
from batchcls.model.metadata import class_lists

LABELS = (
    "tench, Tinca tinca",
    "great white shark, white shark",
    "crane",
    "Crane, wading bird",
    "dög",
    "crane",
    "#1 dad",
)


def read(folder: Path, text: str | bytes, labels: tuple[str, ...] = LABELS) -> tuple[int, ...]:
    path = folder / "mine.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return class_lists.read(path, "--classes", labels)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tench, Tinca tinca\n", (0,)),
        ("  Tench \r\n\r\nWHITE SHARK", (0, 1)),
        ("3\n0\n3\ntench", (0, 3)),
        ("wading bird", (3,)),
        ("DÖG", (4,)),
        ("#1 dad", (6,)),
        ("\N{BOM}6\n", (6,)),
    ],
)
def test_what_is_named(tmp_path: Path, text: str, expected: tuple[int, ...]) -> None:
    assert read(tmp_path, text) == expected


@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=20, unique=True), st.data())
def test_labels_that_differ_are_found_as_they_are(labels: list[str], data: st.DataObject) -> None:
    known = tuple(labels)
    chosen = data.draw(st.sets(st.sampled_from(range(len(known))), min_size=1))
    meant = class_lists.meanings(known)
    for index in chosen:
        assert class_lists._classes(known[index], meant, len(known)) == [index]


def test_numbers_that_are_labels_are_labels(tmp_path: Path) -> None:
    assert read(tmp_path, "1\n2", ("1", "2", "4")) == (0, 1)
    assert read(tmp_path, "0", ("1", "2", "4")) == (0,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tenhc, Tinca tinca", r"line 1: .* did you mean 'tench, Tinca tinca'\?"),
        ("tenhc", r"did you mean 'tench, Tinca tinca'\?"),
        ("0\n\nzebra", "line 3: 'zebra' is no class of the model, which has 7"),
        ("crane", r"line 1: 'crane' may be any of the classes 2 \(crane\), 5 \(crane\)"),
        ("7", "'7' is no class"),
        ("-1", "'-1' is no class"),
        ("99999999999999999999", "is no class"),
        ("²", "'²' is no class"),
        ("", "names no class"),
        ("\n \n", "names no class"),
        (b"caf\xe9", r"not UTF-8 text \(byte 3\)"),
        ("a\nb\nc\nd\ne\nf", "line 5: 'e'"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(LabelsError, match=words) as refusal:
        read(tmp_path, text)
    assert str(refusal.value).startswith(f"--classes {tmp_path}/mine.txt")
    assert "line 6" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"none\.txt: No such file"):
        class_lists.read(tmp_path / "none.txt", "--always", LABELS)
