"""The forms that people have their class names in, and the one error for all others."""

import json

import pytest

from batchcls.errors import LabelsError
from batchcls.model.metadata import label_files, labels

WANTED = ("cat", "dog", "red fox")
COMMAS = ("tench, Tinca tinca", "goldfish", 'the "red" fox')


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_indices.json", '{"cat": 0, "red fox": 2, "dog": 1}'),
        ("class_to_idx.json", '{"class_to_idx": {"cat": 0, "dog": 1, "red fox": 2}}'),
        ("config.json", ('{"model_type": "vit", "id2label": {"0": "cat", "1": "dog",'
         ' "2": "red fox"}}')),
        ("coco.json", ('[{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"},'
         ' {"id": 2, "name": "red fox"}]')),
        ("coco.json", ('{"categories": [{"id": 9, "name": "cat"}, {"id": 5, "name": "dog"},'
         ' {"id": 7, "name": "red fox"}]}')),
        ("imagenet.txt", "{0: 'cat',\n 1: 'dog',\n 2: 'red fox'}"),
        ("names.txt", "['cat', 'dog', 'red fox',]"),
        ("data.yaml", "path: ../flowers\nnc: 3\nnames: [cat, dog, red fox]\n"),
        ("data.yml", "names:\n  0: cat\n  1: dog\n  2: red fox\n"),
        ("names.yaml", "- cat\n- dog\n- red fox\n"),
        ("selected_tags.csv",
         "tag_id,name,category,count\n999,cat,0,5\n3,dog,0,4\n71,red fox,4,1\n"),
        ("labels.csv", "id,name\n0,cat\n1,dog\n2,red fox\n"),
        ("labels.csv", "index;class\r\n2;red fox\r\n0;cat\r\n1;dog\r\n"),
        ("labels.csv", "0,cat\n1,dog\n2,red fox\n"),
        ("labels.csv", "cat\ndog\nred fox\n"),
        ("labels.csv", "label\ncat\ndog\nred fox\n"),
        ("labels.csv", '"cat"\n"dog"\n"red fox"\n'),
        ("map.tsv", "n02123045\tcat\nn02084071\tdog\nn02119022\tred fox\n"),
        ("labels.txt", "class_id,class_name\n0,cat\n1,dog\n2,red fox\n"),
        ("labels.txt", "n02123045,cat\nn02084071,dog\nn02119022,red fox\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_form_gives_the_names(name: str, text: str, encoding: str) -> None:
    assert label_files.parse(text.encode(encoding), name) == WANTED


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '0,"tench, Tinca tinca"\n1,goldfish\n2,"the ""red"" fox"\n'),
        ("a.txt", '0,"tench, Tinca tinca"\n1,goldfish\n2,"the ""red"" fox"\n'),
        ("a.csv", 'name,id\n"tench, Tinca tinca",0\ngoldfish,1\n"the ""red"" fox",2\n'),
        ("a.txt", 'tench, Tinca tinca\ngoldfish\nthe "red" fox\n'),
        ("a.csv", 'tench, Tinca tinca\ngoldfish\nthe "red" fox\n'),
    ],
)
def test_commas_and_quotes_are_part_of_a_name(name: str, text: str) -> None:
    assert label_files.parse(text.encode(), name) == COMMAS


def test_a_label_map_counts_from_one_behind_the_background() -> None:
    text = (
        "item {\n  id: 2\n  name: '/m/01'\n  display_name: \"dog\"\n}\n"
        "item { name: \"cat\" id: 1 }\nitem{\n id: 3\n name: 'red fox'\n}\n"
    )
    found = label_files.parse(text.encode(), "label_map.pbtxt")
    assert found == ("background", *WANTED)
    assert labels.fit(found, 3, "label_map.pbtxt") == WANTED
    assert labels.fit(found, 4, "label_map.pbtxt") == ("background", *WANTED)


def test_numbers_as_names_are_told_from_ids() -> None:
    """Folders called by numbers, and Keras's order of them: as texts."""
    assert label_files.parse(b'{"0": 0, "1": 1, "10": 2, "2": 3}', "x.json") == (
        "0",
        "1",
        "10",
        "2",
    )


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("a.json", b'{"cat": "dog"}', "it holds an object with the keys 'cat'"),
        ("a.json", b'[{"cat": 1}]', "its first entry is {'cat': 1}"),
        ("a.json", b'{"cat": 0, "dog": 2}', "id 1 is missing"),
        ("a.json", b'{"cat": 0, "dog": 0}', "two names have the same id"),
        ("a.yaml", b"task: [classify", "not valid YAML"),
        ("a.yaml", b"nc: 3\ntrain: images\n", "it holds an object with the keys 'nc', 'train'"),
        ("a.csv", b"cat,felis,1\ndog,canis,2\n", "its first line is 'cat, felis, 1'"),
        ("a.csv", b"name,id\ncat,1\ndog\n", "different numbers of columns"),
        ("a.pbtxt", b"item { id: 1 }", "an item is 'id: 1'"),
        ("a.txt", b"<!DOCTYPE html>\n<html>", "is a web page"),
        ("a.txt", b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        ("a.txt", b"PK\x03\x04rest", "is a zip archive"),
        ("a.txt", b"\xff\xfec\0a\0t", "not UTF-16 text"),
        ("a.txt", b"\xef\xbb\xbf \n", "is empty"),
    ],
)
def test_what_is_none_of_them_says_what_was_seen(name: str, data: bytes, match: str) -> None:
    with pytest.raises(LabelsError, match=match) as caught:
        label_files.parse(data, name)
    text = str(caught.value)
    assert "\n" not in text
    assert name in text


def test_the_error_says_what_is_understood() -> None:
    with pytest.raises(LabelsError, match="CSV with a column of names, a list of names, an object"):
        label_files.parse(b"3", "a.yaml")


def test_any_text_is_names_or_one_sentence() -> None:
    texts = ["item { id: 1 name: 'a' }", '{"a": 0}', "0,a\n1,b", "name,id\na,0", "names: [a]"]
    for text in texts:
        for cut in range(len(text)):
            for name in ("a.txt", "a.csv", "a.yaml", "a.json", "a.pbtxt"):
                try:
                    found = label_files.parse(text[:cut].encode(), name)
                except LabelsError as error:
                    assert "\n" not in str(error)
                else:
                    assert found
                    assert json.dumps(found)
