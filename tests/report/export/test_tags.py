"""Exports for tools that tag images hold what these tools can, each image under a name of its own.

`test_datumaro.py` has them read by Datumaro.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest

from batchcls.cli.main import main
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.export.kinds import cvat
from batchcls.results import record
from tests.support.exported import content
from tests.support.hostile_results import FRAME, LABELS, MEMBER, NOT_UTF8, NUL, put

KINDS = ("cvat", "coco", "datumaro")


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


def one(path: str, label: str = "cat", score: float = 0.5, index: int = 0) -> bytes:
    return record.ok_line(ImageRef(index, path), [Prediction(0, label, score)])


def failed(path: str, index: int) -> bytes:
    return record.failure_line(ImageRef(index, path), Failure("empty", "no bytes"))


def json_of(out: Path) -> Any:
    (file,) = (out / "annotations").iterdir()
    return json.loads(file.read_text())


def images_of(archive: Path) -> list[ET.Element]:
    with ZipFile(archive) as opened:
        assert opened.namelist() == ["annotations.xml"]
        return ET.fromstring(opened.read("annotations.xml")).findall("image")


@pytest.mark.parametrize(
    ("kind", "made", "why"),
    [
        *((kind, one(MEMBER), "inside a container") for kind in KINDS),
        *((kind, one(FRAME), "inside a container or a file of several") for kind in KINDS),
        *((kind, one(NOT_UTF8), "a name that is not UTF-8") for kind in KINDS),
        *((kind, one("s3://b/a.jpg"), "not a file on this machine") for kind in KINDS),
        *((kind, one("a\\b.jpg"), "a name with a backslash") for kind in KINDS),
        *((kind, one("../b.jpg"), "a name with a backslash, `..`") for kind in KINDS),
        *((kind, one("c:b.jpg"), "a name with a backslash, `..` or") for kind in KINDS),
        *((kind, one("a.jpg", ""), "an empty label") for kind in KINDS),
        ("coco", one("d/.. .jpg"), "a name with a backslash, `..`"),
        ("cvat", one("a.jpg", NUL), "a label with characters that XML cannot hold"),
        ("cvat", one("a\1.jpg"), "a name with characters that XML cannot hold"),
        ("cvat", one("a.jpg", "x" * 65), "a label that CVAT cuts"),
        ("cvat", one("a.jpg", " cat"), "a label that CVAT cuts"),
    ],
)
def test_what_a_kind_cannot_hold_is_named_and_counted(
    kind: str, made: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, out = put(tmp_path / "r.jsonl", [made, failed("f.jpg", 1)]), tmp_path / "out"
    assert run(results, "--to", kind, "-o", out) == 2
    assert f"1 image: {why}" in capsys.readouterr().err
    assert not out.exists()
    assert run(results, "--to", kind, "-o", out, "--leave-out") == 0
    assert f"{out}: 1 image, 1 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "names", "refused"),
    [
        ("cvat", ["d/a.jpg", "d/b.jpg", "d/a.png", "e/a.jpg"], "d/a.jpg, d/a.png"),
        ("coco", ["a.jpg", "a.tif", "./a.png", "a.b.jpg"], "a.jpg, a.tif, ./a.png"),
        ("datumaro", ["a.jpg", "a.png", "./a.jpg"], "a.jpg, ./a.jpg"),
    ],
)
def test_images_that_the_reader_takes_for_one_are_refused(
    kind: str, names: list[str], refused: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = put(tmp_path / "r.jsonl", [one(name, index=n) for n, name in enumerate(names)])
    assert run(results, "--to", kind, "-o", tmp_path / "out") == 2
    assert f"({refused})" in capsys.readouterr().err
    assert run(results, "--to", kind, "-o", tmp_path / "out", "--where", "path ~ '*a.jpg'") == (
        2 if kind == "datumaro" else 0
    )


def test_a_failed_image_is_in_nobodys_way(tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one("a.jpg"), failed("a.png", 1), failed(MEMBER, 2)])
    assert run(results, "--to", "cvat", "-o", tmp_path / "out") == 0
    assert [image.get("name") for image in images_of(tmp_path / "out/annotations-00001.zip")] == [
        "a.jpg"
    ]
    lines = (tmp_path / "out" / "failed.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a.png", MEMBER]
    assert json.loads(lines[0])["error"] == "empty"


def test_names_lead_from_the_folder_that_absolute_paths_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ["/d/p/a.jpg", "/d/q/a.jpg", "/d/p/b/a.jpg", "/d/pq/a.jpg"]
    results = put(tmp_path / "r.jsonl", [one(path, index=n) for n, path in enumerate(paths)])
    assert run(results, "--to", "coco", "-o", tmp_path / "out") == 0
    assert (tmp_path / "out" / "images").readlink() == Path("/d")
    assert [f"/d/{image['file_name']}" for image in json_of(tmp_path / "out")["images"]] == paths
    put(results, [one("/d/a.jpg"), one("d/b.jpg", index=1)])
    assert run(results, "--to", "coco", "-o", tmp_path / "mixed") == 2
    assert "an absolute path among relative ones" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["coco", "datumaro"])
def test_no_link_leads_back_to_itself(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    results = put(tmp_path / "r.jsonl", [one("a.jpg")])
    assert run(results, "--to", kind, "-o", tmp_path / "out") == 0
    assert not (tmp_path / "out" / "images").is_symlink()
    assert [*(tmp_path / "out" / "images").iterdir()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_correction_is_a_sure_tag(kind: str, tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one("a.jpg"), one("b.jpg", index=1)])
    said, out = tmp_path / "c.jsonl", tmp_path / "out"
    said.write_text('{"i":0,"path":"a.jpg","label":"lynx"}\n')
    assert run(results, "--to", kind, "-o", out, "--corrections", said) == 0
    if kind == "cvat":
        first, _ = images_of(out / "annotations-00001.zip")
        assert [tag.get("label") for tag in first] == ["lynx"]
        assert first.findtext("tag/attribute") == "1.0"
        assert [label["name"] for label in json.loads((out / "labels.json").read_text())] == [
            "lynx", "cat"
        ]  # fmt: skip
        return
    found = json_of(out)
    if kind == "coco":
        assert [(a["category_id"], a["score"]) for a in found["annotations"]] == [
            (1, 1.0),
            (2, 0.5),
        ]
        assert [(c["id"], c["name"]) for c in found["categories"]] == [(1, "lynx"), (2, "cat")]
    else:
        assert found["items"][0]["annotations"][0]["attributes"] == {"score": 1.0}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_only_wrong_has_no_tag(kind: str, tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one("a.jpg")])
    said, out = tmp_path / "c.jsonl", tmp_path / "out"
    said.write_text('{"i":0,"path":"a.jpg","label":""}\n')
    assert run(results, "--to", kind, "-o", out, "--corrections", said) == 0
    if kind == "cvat":
        (image,) = images_of(out / "annotations-00001.zip")
        assert [*image] == []
    elif kind == "coco":
        assert json_of(out)["annotations"] == []
    else:
        assert json_of(out)["items"][0]["annotations"] == []


def test_cvat_gets_as_many_as_it_can_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cvat, "IMAGES", 2)
    results = put(tmp_path / "r.jsonl", [one(f"{n}.jpg", index=n) for n in range(5)])
    run(results, "--to", "cvat", "-o", tmp_path / "out")
    archives = sorted((tmp_path / "out").glob("*.zip"))
    assert [len(images_of(archive)) for archive in archives] == [2, 2, 1]
    # Where CVAT finds no name it takes the image at the place of the id.
    assert min(int(image.get("id", 0)) for image in images_of(archives[0])) >= cvat.FIRST_ID


@pytest.mark.parametrize("kind", KINDS)
def test_again_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    results = put(
        tmp_path / "r.jsonl", [one(f"{n}", label, index=n) for n, label in enumerate(LABELS)]
    )
    for name in ("one", "two"):
        assert run(results, "--to", kind, "-o", tmp_path / name, "--leave-out") == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize("kind", KINDS)
def test_results_of_no_image_are_an_export_of_none(kind: str, tmp_path: Path) -> None:
    results = put(tmp_path / "r.jsonl", [one("a.jpg")])
    assert run(results, "--to", kind, "-o", tmp_path / "out", "--where", "failed") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_room_leaves_nothing(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    labels = [sha256(b"%d" % n).hexdigest() for n in range(500)]  # which cannot be made smaller
    results = put(
        tmp_path / "r.jsonl", [one(str(n), label, index=n) for n, label in enumerate(labels)]
    )
    request.getfixturevalue("small_files")
    assert run(results, "--to", kind, "-o", tmp_path / "out") == 4
    assert "out: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["r.jsonl"]
