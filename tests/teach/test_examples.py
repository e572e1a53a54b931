"""Where examples come from, and what their classes are called."""

import json
import os
from pathlib import Path

import pytest

from batchcls.errors import SourceError, UsageError
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.teach.examples import Example, find, named_alike


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"?")
    return folder


def found(*sources: Path) -> tuple[list[tuple[str, str]], list[str]]:
    notes: list[str] = []
    examples, _ = find(Job(sources=tuple(map(str, sources))), (), None, notes)
    return sorted((Path(one.image.path).name, one.label) for one in examples), notes


def test_the_first_folder_on_the_way_is_the_class(tmp_path: Path) -> None:
    made(tmp_path, "cat/1.jpg", "cat/2024/may/2.jpg", "dog/3.jpg", "4.jpg", "dog/notes.txt")
    (tmp_path / "bird").mkdir()
    images, notes = found(tmp_path)
    assert images == [("1.jpg", "cat"), ("2.jpg", "cat"), ("3.jpg", "dog")]
    assert notes == [
        f"1 image of {tmp_path} in no class folder left out",
        f"no images in bird, of {tmp_path}; left out",
    ]


def test_a_class_folder_may_have_a_name_of_any_bytes(tmp_path: Path) -> None:
    made(tmp_path, os.fsdecode(b"caf\xe9/1.jpg"), "tea/2.jpg")
    assert found(tmp_path) == ([("1.jpg", "caf\ufffd"), ("2.jpg", "tea")], [])


def test_folders_of_one_name_are_one_class(tmp_path: Path) -> None:
    one = made(tmp_path / "one", "cat/1.jpg", "dog/2.jpg")
    other = made(tmp_path / "other", "cat/3.jpg")
    assert found(one, other)[0] == [("1.jpg", "cat"), ("2.jpg", "dog"), ("3.jpg", "cat")]


def test_spellings_of_one_name_are_one_class() -> None:
    labels = ["Cafe\u0301", "caf\u00e9", "caf\u00e9", "Tea", "tea ", "STRASSE", "straße"]
    notes: list[str] = []
    examples, names = named_alike([Example(ImageRef(0, "x"), one) for one in labels], notes)
    assert names == ("STRASSE", "Tea", "caf\u00e9")
    assert [one.label for one in examples][:3] == ["caf\u00e9"] * 3
    assert len(notes) == 3


@pytest.mark.parametrize("names", [("cat/1.jpg", "cat/2.jpg"), ("cat/1.jpg", "CAT/2.jpg")])
def test_one_class_alone_cannot_be_taught(names: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="only one class, "):
        found(made(tmp_path, *names))


def test_parts_of_a_dataset_are_no_classes(tmp_path: Path) -> None:
    made(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "val/cat/2.jpg", "val/dog/2.jpg")
    with pytest.raises(UsageError, match=f"holds train, val, .* for example {tmp_path}/train"):
        found(tmp_path)


def test_paths_of_a_table_lead_from_its_folder(tmp_path: Path) -> None:
    made(tmp_path, "in/1.jpg", "in/2.jpg")
    table = tmp_path / "t.csv"
    table.write_text(f"path,label\nin/1.jpg,cat\n{tmp_path}/in/2.jpg,dog\nin/gone.jpg,dog\n")
    assert found(table)[0] == [("1.jpg", "cat"), ("2.jpg", "dog"), ("gone.jpg", "dog")]


def test_corrections_without_their_run_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "corrections.jsonl"
    file.write_text(json.dumps({"i": 0, "path": "a.jpg", "label": "cat"}) + "\n")
    with pytest.raises(UsageError, match="the run that it corrects is not there"):
        find(Job(), (str(file),), None, [])
