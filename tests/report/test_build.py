"""A report of a few results: what is counted, what is shown, and what it may overwrite."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import RefusedError, UsageError
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.build import MOST_BYTES, Request, build, write
from batchcls.report.page.html import MARK
from batchcls.report.pictures import Thumbnail
from batchcls.report.truth import parse
from batchcls.results.record import failure_line, ok_line

LABELS = ("cat", "dog", "</script><img src=x onerror=alert(1)>")


class Drawn:
    """Thumbnails that cost nothing, of a given size."""

    def __init__(self, size: int = 100) -> None:
        self.made: list[int] = []
        self._data = b"\xff\xd8\xff" + b"x" * size

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        self.made.append(image.index)
        return Thumbnail(self._data, 640, 480, 0x0F0F_3C3C_55AA_9669 ^ (image.index % 4) * 0xFFFF)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "r.jsonl"
    lines = []
    for n in range(1000):
        ref = ImageRef(n, f"{LABELS[n % 2]}/{n}.jpg")
        if n % 50 == 7:
            lines.append(failure_line(ref, Failure("truncated", "the file ends early")))
        else:
            top = [(n % 3, 0.5 + n / 4000), ((n + 1) % 3, 0.25)]
            lines.append(ok_line(ref, [Prediction(k, LABELS[k], score) for k, score in top]))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def quiet(text: str) -> None:
    """Nobody is told."""


def test_counts_are_of_all_images_and_pictures_of_a_sample(results: Path) -> None:
    make = Drawn()
    html = build(Request(str(results), pictures=48), make, quiet)
    data = data_of(html)
    assert ">1,000<" in html
    assert ">20<" in html
    assert "the file ends early" in html
    assert "copy the files again" in html
    assert data["groups"]["pictures-unsure"][:3] == [0, 1, 2]
    assert {*make.made} <= {picture["i"] for picture in data["pictures"]}
    assert make.made == sorted(make.made)
    assert len(data["groups"]["kind-truncated"]) == 12
    assert data["groups"]["alike-0"]
    for indices in data["groups"].values():
        assert {*indices} <= {picture["i"] for picture in data["pictures"]}


def test_bursts_are_shown_by_what_records_say(tmp_path: Path) -> None:
    path = tmp_path / "bursts.jsonl"
    facts = {"phash": "0f0f3c3c55aa9669", "captured": "2024-05-01T13:45:12"}
    lines = [
        ok_line(ImageRef(n, f"{n}.jpg"), [Prediction(0, LABELS[0], 0.5)], {**facts, **more})
        for n, more in enumerate([{}, {}, {"captured": "2024-05-01T13:45:20"}, {"captured": ""}])
    ]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    html = build(Request(str(path)), Drawn(), quiet)
    groups = data_of(html)["groups"]
    assert (groups["alike-0"], groups["alike-1"]) == ([0, 1], [0, 1, 2, 3])
    assert "burst of 2, 2024-05-01 13:45:12" in html
    assert "4 alike" in html


def test_a_report_is_the_same_every_time(results: Path) -> None:
    assert build(Request(str(results)), Drawn(), quiet) == build(
        Request(str(results)), Drawn(), quiet
    )


def test_what_others_wrote_is_never_markup(results: Path) -> None:
    html = build(Request(str(results)), Drawn(), quiet)
    assert "<img" not in html
    assert "alert(1)" in html
    assert html.count("<script") == 2


def test_right_and_wrong_where_the_truth_is_known(results: Path) -> None:
    truth = parse("file,label\n" + "".join(f"{LABELS[n % 2]}/{n}.jpg,dog\n" for n in range(900)))
    data = data_of(html := build(Request(str(results), truth), Drawn(), quiet))
    pictures = {picture["i"]: picture for picture in data["pictures"]}
    wrong = [pictures[index] for index in data["groups"]["pictures-wrong"]]
    assert wrong
    assert all(picture["truth"] == "dog" != picture["top"][0][0] for picture in wrong)
    scores = [picture["top"][0][1] for picture in wrong]
    assert scores == sorted(scores, reverse=True)
    assert all("truth" not in p for p in pictures.values() if p["top"] and p["top"][0][0] == "dog")
    assert "100 images have no known class and did not count" in html


def test_a_truth_about_no_image_is_refused(results: Path) -> None:
    with pytest.raises(UsageError, match="no row of the truth is about an image in the results"):
        build(Request(str(results), parse("file,label\nelsewhere.jpg,cat\n")), Drawn(), quiet)
    request = Request(
        str(results), parse("file,label\ncat/0.jpg,cat\n"), where=lambda one: one.index > 9
    )
    with pytest.raises(UsageError, match="no image that `--where` lets through has a known class"):
        build(request, Drawn(), quiet)


def test_only_images_that_a_filter_lets_through_count(results: Path) -> None:
    request = Request(
        str(results), where=lambda record: record.index < 100, filter="path like <b>", pictures=48
    )
    html = build(request, Drawn(), quiet)
    assert ">100<" in html
    assert "&lt;b&gt;" in html
    assert all(picture["i"] < 100 for picture in data_of(html)["pictures"])


def test_a_growing_part_is_read_up_to_its_last_whole_line(results: Path) -> None:
    part = results.with_name("r.jsonl.part")
    part.write_bytes(results.read_bytes()[:-20])
    results.unlink()
    html = build(Request(str(results)), Drawn(), quiet)
    assert "The run is not complete: 999 images" in html


def test_a_line_that_is_no_record_is_refused(results: Path) -> None:
    results.write_bytes(results.read_bytes() + b"oops\n")
    with pytest.raises(RefusedError, match="not a record"):
        build(Request(str(results)), Drawn(), quiet)


def test_results_without_lines_make_a_report(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"")
    html = build(Request(str(tmp_path / "r.jsonl")), Drawn(), quiet)
    assert data_of(html)["pictures"] == []


def test_a_report_has_less_than_20_mb_whatever_the_pictures_are(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = (ok_line(ImageRef(n, f"{n}"), [Prediction(0, "x", 0.5)]) for n in range(2000))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    make = Drawn(MOST_BYTES // 500)
    html = build(Request(str(path), pictures=2000), make, quiet)
    assert len(html) < 20_000_000
    assert sum("jpeg" in picture for picture in data_of(html)["pictures"]) <= 500


@pytest.mark.runs
def test_text_takes_room_from_pictures_and_no_picture_is_left_out_unsaid(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    label = "\u202e" * 290
    lines = [
        ok_line(
            ImageRef(n, f"{n}" + "\U0001f40e" * 290),
            [Prediction(k, f"{k}{label}", 0.5) for k in range(5)],
        )
        for n in range(2000)
    ]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    make = Fitting()
    html = build(Request(str(path), pictures=2000), make, quiet)
    pictures = data_of(html)["pictures"]
    assert len(pictures) > 700
    assert len(html.encode()) < 20_000_000
    assert all("jpeg" in picture for picture in pictures)
    assert "has no room" not in html
    assert "of them the page has no room" in build(
        Request(str(path), pictures=2000), Drawn(MOST_BYTES // 500), quiet
    )


class Fitting:
    """Thumbnails of just the size that is asked for."""

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        return Thumbnail(b"\xff\xd8\xff".ljust(most, b"x"), 640, 480)


def test_a_report_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.html"
    write(f"{MARK} one", path)

    def stop(_fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write(f"{MARK} two", path)
    assert path.read_text() == f"{MARK} one"
    assert [*tmp_path.iterdir()] == [path]


def test_a_report_replaces_a_report_and_no_other_file(tmp_path: Path) -> None:
    write(f"{MARK} one", tmp_path / "a.html")
    write(f"{MARK} two", tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text() == f"{MARK} two"
    (tmp_path / "b.html").write_text("<p>mine")
    with pytest.raises(UsageError, match="is no report"):
        write(f"{MARK} one", tmp_path / "b.html")
    with pytest.raises(UsageError, match="no such directory"):
        write(f"{MARK} one", tmp_path / "no" / "c.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]
