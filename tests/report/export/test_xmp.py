"""Keywords in sidecars: ours come and go, and nothing else changes by a byte."""

import itertools
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.cli.main import main
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.export import keywords, steps
from batchcls.report.export.keywords import NEW, merged
from batchcls.report.export.sidecar import LARGEST, RDF, NotMergedError
from batchcls.results import record
from tests.report.export.kills import Kills
from tests.support.hostile_results import LABELS, MEMBER, put

DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <!-- mine -->
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lightroom="http://ns.adobe.com/lightroom/1.0/"
    xmlns:odd="urn:odd"
   xmp:Rating='5'
   odd:quote="a > b"
   darktable:history_end="2">
   <darktable:history>
    <rdf:Seq>
     <rdf:li darktable:num="0" darktable:params="gz12"/>
    </rdf:Seq>
   </darktable:history>
   <odd:thing xml:lang="de"><![CDATA[<dc:subject>]]></odd:thing>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>holiday</rdf:li>
     <rdf:li>a &amp; b</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lightroom:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>places|home</rdf:li>
    </rdf:Bag>
   </lightroom:hierarchicalSubject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def values(data: bytes, name: str) -> list[str]:
    """What a property has, as another parser reads it."""
    uri, local = name.split(" ")
    path = f".//{{{RDF}}}RDF/{{{RDF}}}Description/{{{uri}}}{local}/*/{{{RDF}}}li"
    return [one.text or "" for one in ET.fromstring(data).iterfind(path)]


def subjects(data: bytes) -> list[str]:
    return values(data, keywords.SUBJECT)


def test_a_new_sidecar_has_all_three() -> None:
    made = merged(NEW, ["tench, Tinca tinca", "a<b&c"], "batchcls")
    assert subjects(made) == ["tench, Tinca tinca", "a<b&c"]
    assert values(made, keywords.HIERARCHY) == ["batchcls|tench, Tinca tinca", "batchcls|a<b&c"]
    assert values(made, keywords.TAGS) == ["batchcls/tench, Tinca tinca", "batchcls/a<b&c"]
    assert merged(made, ["tench, Tinca tinca", "a<b&c"], "batchcls") == made
    assert not re.search(rb"[12][0-9]{3}-[0-9]{2}", made)


def test_other_peoples_bytes_stay() -> None:
    before = DARKTABLE.encode()
    after = merged(before, ["cat", "holiday"], "batchcls")
    left = iter(after.splitlines())
    assert all(line in left for line in before.splitlines())
    assert subjects(after) == ["holiday", "a & b", "cat"]
    assert values(after, keywords.HIERARCHY) == [
        "places|home", "batchcls|cat", "batchcls|holiday"
    ]  # fmt: skip
    assert values(after, keywords.TAGS) == ["places/home", "batchcls/cat", "batchcls/holiday"]
    assert values(after, keywords.ADDED) == ["cat"]
    without = merged(after, [], "batchcls")
    assert subjects(without) == ["holiday", "a & b"]
    assert values(without, keywords.HIERARCHY) == ["places|home"]
    assert values(without, keywords.TAGS) == ["places/home"]
    assert merged(after, ["dog"], "batchcls").count(b"cat") == 0


def test_plain_keywords_do_not_vanish_behind_a_new_hierarchy() -> None:
    theirs = re.sub(r"   <lightroom:.*</lightroom:[^>]*>\n", "", DARKTABLE, flags=re.DOTALL)
    after = merged(theirs.encode(), ["cat"], "batchcls")
    assert values(after, keywords.HIERARCHY) == ["holiday", "a & b", "batchcls|cat"]
    assert values(after, keywords.TAGS) == ["holiday", "a & b", "batchcls/cat"]


@pytest.mark.parametrize(
    "inside",
    [
        '<r:Description r:about="" xmlns:q="DC" q:subject="mine &lt; 1"/>',
        "<r:Description r:about='' q:subject='mine &lt; 1' xmlns:q='DC'></r:Description>",
        ('<r:Description xmlns="DC"><subject><r:Seq><r:li>mine &lt; 1</r:li></r:Seq></subject>'
        "</r:Description>"),
        ('<r:Description xmlns:dc="DC"><dc:subject><r:Alt><r:li xml:lang="x-default">mine &lt; 1'
        "</r:li></r:Alt></dc:subject></r:Description>"
        '<r:Description xmlns:lr="urn:other" xmlns:x="urn:x"><lr:a/></r:Description>'),
    ],
)  # fmt: skip
def test_every_form_of_a_property_is_read(inside: str) -> None:
    inside = inside.replace("DC", keywords.SUBJECT.split(" ")[0])
    before = f'<x:x xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="{RDF}">{inside}</r:RDF></x:x>'.encode()
    after = merged(before, ["cat"], "batchcls")
    assert subjects(after) == ["mine < 1", "cat"]
    assert values(after, keywords.HIERARCHY) == ["mine < 1", "batchcls|cat"]
    assert merged(after, ["cat"], "batchcls") == after
    assert subjects(merged(after, [], "batchcls")) == ["mine < 1"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no XML"),
        (b"<a>", "no XML"),
        (b"<a/>", "not one rdf:RDF"),
        (b"\0" * (LARGEST + 1), "larger than 8 MiB"),
        (DARKTABLE.encode("utf-16"), "not in UTF-8"),
        (DARKTABLE.replace("UTF-8", "latin-1").encode(), "not in UTF-8"),
        (DARKTABLE.replace("<x:xmpmeta", "<!DOCTYPE x><x:xmpmeta").encode(), "with a DTD"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "with a DTD"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>', "with a DTD"),
        (DARKTABLE.replace("home", "&home;").encode(), "no XML"),
        (DARKTABLE.replace("<rdf:Bag>", "").replace("</rdf:Bag>", "").encode(), "is no list"),
        (
            DARKTABLE.replace(" </rdf:RDF>", '<rdf:Description rdf:about="x"/></rdf:RDF>').encode(),
            "about several things",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_merged_with_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(NotMergedError, match=says):
        merged(data, ["cat"], "batchcls")


_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="|/\ufffe\uffff"))
_WORD = _TEXT.filter(str.strip)


@given(
    st.lists(_WORD, unique=True, max_size=5), st.lists(_WORD, unique=True, max_size=5),
    st.lists(_WORD, unique=True, max_size=5), st.sampled_from(["", "batchcls"]),
)  # fmt: skip
def test_ours_come_and_go_and_theirs_stay(
    theirs: list[str], first: list[str], second: list[str], prefix: str
) -> None:
    before = merged(NEW, theirs, "")
    once = merged(before, first, prefix)
    assert merged(once, first, prefix) == once
    then = merged(once, second, prefix)
    assert merged(then, second, prefix) == then
    gone = set() if prefix else {*first}
    assert {*subjects(then)} == {*theirs, *second, *gone}
    if prefix:
        assert {*values(then, keywords.TAGS)} == {*theirs, *(f"batchcls/{one}" for one in second)}
        assert {*subjects(merged(then, [], prefix))} == {*theirs}


# ---- the command


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two JPEGs, of which one has a sidecar, a raw file, and one that failed."""
    made = []
    for n, name in enumerate(["a.jpg", "b.jpg", "c.NEF", "d.jpg"]):
        (tmp_path / name).write_bytes(b"picture")
        top = [Prediction(0, "cat", 0.7), Prediction(1, "lynx", 0.2)]
        made.append(record.ok_line(ImageRef(n, str(tmp_path / name)), top))
    made[3] = record.failure_line(ImageRef(3, str(tmp_path / "d.jpg")), Failure("corrupt", "no"))
    (tmp_path / "b.jpg.xmp").write_text(DARKTABLE)
    return put(tmp_path / "r.jsonl", made)


def sidecars(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if "xmp" in path.suffix}


def test_sidecars_are_written_once_and_taken_back(results: Path, tmp_path: Path) -> None:
    before = sidecars(tmp_path)
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 0
    after = sidecars(tmp_path)
    assert [*sorted(after)] == ["a.jpg.xmp", "b.jpg.xmp", "c.xmp"]
    assert subjects(after["c.xmp"]) == ["cat"]
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in after}
    assert run(results, "--to", "xmp", "-o", tmp_path / "again") == 0
    assert sidecars(tmp_path) == after
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in after} == times
    assert '{"i":' not in (tmp_path / "again").read_text()
    assert run("--to", "xmp", "-o", tmp_path / "done", "--undo") == 0
    assert sidecars(tmp_path) == before
    assert not (tmp_path / "done").exists()


def test_what_is_no_journal_is_left_alone(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path / "a.jpg", results):
        before = place.read_bytes()
        assert run("--to", "xmp", "-o", place, "--undo") == 2
        assert "is not what an export to xmp wrote" in capsys.readouterr().err
        assert run(results, "--to", "xmp", "-o", place) == 2
        assert "exists; choose another name" in capsys.readouterr().err
        assert place.read_bytes() == before


def test_a_raw_file_with_a_sidecar_of_the_longer_name_keeps_to_it(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.NEF.xmp").write_text(DARKTABLE)
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 0
    assert (tmp_path / "c.NEF.xmp").read_text() != DARKTABLE
    assert not (tmp_path / "c.xmp").exists()
    top = [Prediction(0, "cat", 0.7)]
    pair = [
        record.ok_line(ImageRef(n, f"{tmp_path}/p.{e}"), top) for n, e in enumerate(("cr2", "nef"))
    ]
    for ending in ("cr2", "nef"):
        (tmp_path / f"p.{ending}").touch()
    put(results, pair)
    assert run(results, "--to", "xmp", "-o", tmp_path / "pair") == 2
    assert "1 image: another raw file has the same sidecar" in capsys.readouterr().err


def test_a_threshold_and_a_prefix(results: Path, tmp_path: Path) -> None:
    words = ("--min-score", "0.2", "--prefix", "KI")
    assert run(results, "--to", "xmp", "-o", tmp_path / "done", *words) == 0
    made = (tmp_path / "a.jpg.xmp").read_bytes()
    assert values(made, keywords.HIERARCHY) == ["KI|cat", "KI|lynx"]


def test_a_sidecar_that_somebody_edited_stays(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 0
    edited = tmp_path / "a.jpg.xmp"
    edited.write_bytes(edited.read_bytes() + b"<!-- mine -->")
    assert run("--to", "xmp", "-o", tmp_path / "done", "--undo") == 2
    assert "a.jpg.xmp has changed since the export" in capsys.readouterr().err
    assert edited.read_bytes().endswith(b"<!-- mine -->")
    assert (tmp_path / "b.jpg.xmp").read_text() == DARKTABLE


@pytest.mark.parametrize("then", ["again", "undo"])
def test_a_kill_at_any_step_is_completed_or_taken_back(
    then: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, out = sidecars(tmp_path), tmp_path / "done"
    words, undo = (results, "--to", "xmp", "-o", out), ("--to", "xmp", "-o", out, "--undo")
    assert run(*words) == 0
    after = sidecars(tmp_path)
    assert run(*undo) == 0
    kills = Kills(monkeypatch)
    for at in itertools.count(1):
        if not kills.killed(at, lambda: run(*words)):
            break
        if then == "again":
            done = out.exists() and steps.DONE in out.read_text()
            assert run(*words) == (2 if done else 0)
            assert sidecars(tmp_path) == after
        if out.exists() and kills.killed(at, lambda: run(*undo)) and out.exists():
            assert run(*undo) == 0
        assert sidecars(tmp_path) == before
    assert at > 15


def test_many_sidecars_are_written_side_by_side_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 2 * steps.AT_ONCE + 7
    lines = []
    for n in range(count):
        image = tmp_path / f"{n}.jpg"
        image.touch()
        lines.append(record.ok_line(ImageRef(n, str(image)), [Prediction(0, f"c{n % 3}", 0.9)]))
    results, out = tmp_path / "results.jsonl", tmp_path / "done"
    results.write_bytes(b"".join(line + b"\n" for line in lines))
    words = (results, "--to", "xmp", "-o", out)
    assert Kills(monkeypatch).killed(steps.AT_ONCE, lambda: run(*words))
    (tmp_path / f"{count - 1}.jpg.xmp").write_text("another program's")
    assert run(*words) == 2
    assert f"1 image of {count:,} left" in capsys.readouterr().err
    (tmp_path / f"{count - 1}.jpg.xmp").unlink()
    assert run(*words) == 0
    for n in range(count):
        assert (tmp_path / f"{n}.jpg.xmp").read_bytes() == merged(NEW, [f"c{n % 3}"], "batchcls")
    assert run("--to", "xmp", "-o", out, "--undo") == 0
    assert not [*tmp_path.glob("*xmp*")]


def test_hostile_labels_and_sidecars_are_right_or_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [*LABELS, "N\0UL", "\ufffe", "cat", "cat"]
    names = [f"{tmp_path}/{n}.jpg" for n in range(len(labels))]
    made = []
    for n, (name, label) in enumerate(zip(names, labels, strict=True)):
        Path(name).touch()
        made.append(record.ok_line(ImageRef(n, name), [Prediction(0, label, 0.9)]))
    made.append(record.ok_line(ImageRef(len(made), f"{tmp_path}/{MEMBER}"), []))
    made.append(record.ok_line(ImageRef(len(made), "s3://bucket/a.jpg"), []))
    Path(names[-1] + ".xmp").symlink_to("/etc/passwd")
    Path(names[-2] + ".xmp").write_bytes(b"<!DOCTYPE x><x/>")
    results = put(tmp_path / "r.jsonl", made)
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 2
    said = capsys.readouterr().err
    for part in (
        "8 images: a label that is blank or has characters which XML cannot hold",
        "a label with / or |", "1 image: inside a container", "1 image: not a file on this machine",
        "1 image: a sidecar which is no plain file", "1 image: a sidecar with a DTD",
    ):  # fmt: skip
        assert part in said
    assert len([*tmp_path.glob("*.xmp")]) == 2
    assert run(results, "--to", "xmp", "-o", tmp_path / "done", "--leave-out") == 0
    for name, label in zip(names[:-2], labels, strict=False):
        if Path(name + ".xmp").exists():
            assert subjects(Path(name + ".xmp").read_bytes()) == [label]
    assert len([*tmp_path.glob("*.xmp")]) > len(LABELS) - 8


# ---- by other programs


def program(*words: object) -> str:
    """What a program prints; the test is skipped where it is not installed."""
    name, *others = map(str, words)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([name, *others], check=True, capture_output=True, text=True).stdout


def test_exiv2_reads_it_and_keeps_what_is_ours(results: Path, tmp_path: Path) -> None:
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 0
    for name, mine in (("a.jpg.xmp", []), ("b.jpg.xmp", ["holiday", "a & b"])):
        read = program("exiv2", "-PXkt", tmp_path / name)
        found = dict(re.split(r"\s+", line, maxsplit=1) for line in read.splitlines())
        assert found["Xmp.dc.subject"].strip() == ", ".join([*mine, "cat"])
        assert found["Xmp.lr.hierarchicalSubject"].strip().endswith("batchcls|cat")
        assert found["Xmp.digiKam.TagsList"].strip().endswith("batchcls/cat")
    program("exiv2", "-M", "set Xmp.xmp.Rating 3", tmp_path / "b.jpg.xmp")
    rewritten = (tmp_path / "b.jpg.xmp").read_bytes()
    assert merged(rewritten, ["cat"], "batchcls") == rewritten
    assert subjects(merged(rewritten, [], "batchcls")) == ["holiday", "a & b"]


def test_exiftool_reads_it_and_keeps_what_is_ours(results: Path, tmp_path: Path) -> None:
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 0
    names = [tmp_path / name for name in ("a.jpg.xmp", "b.jpg.xmp", "c.xmp")]
    tags = ("-XMP-dc:Subject", "-XMP-lr:HierarchicalSubject", "-XMP-digiKam:TagsList")
    a, b, c = json.loads(program("exiftool", "-json", *tags, *names))
    assert (a["Subject"], a["HierarchicalSubject"]) == ("cat", "batchcls|cat")
    assert b["Subject"] == ["holiday", "a & b", "cat"]
    assert b["TagsList"] == ["places/home", "batchcls/cat"]
    assert c["TagsList"] == "batchcls/cat"
    assert "date" not in program("exiftool", "-XMP:all", "-s", names[0]).lower()
    program("exiftool", "-overwrite_original", "-XMP:Rating=3", names[1])
    rewritten = names[1].read_bytes()
    assert merged(rewritten, ["cat"], "batchcls") == rewritten
    assert subjects(merged(rewritten, [], "batchcls")) == ["holiday", "a & b"]


@pytest.mark.runs
def test_darktable_reads_it_and_keeps_what_is_ours(results: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((64, 64, 3), np.uint8))
    results.touch()
    assert run(results, "--to", "xmp", "-o", tmp_path / "done") == 0
    out = tmp_path / "out.jpg"
    core = ("--core", "--configdir", tmp_path / "config", "--library", ":memory:")
    program("darktable-cli", tmp_path / "a.jpg", tmp_path / "a.jpg.xmp", out, *core)
    rewritten = out.read_bytes()
    rewritten = rewritten[rewritten.index(b"<x:xmpmeta") : rewritten.index(b"</x:xmpmeta>") + 12]
    assert subjects(rewritten) == ["batchcls", "cat"]
    assert merged(rewritten, ["cat"], "batchcls") == merged(
        merged(rewritten, ["cat"], "batchcls"), ["cat"], "batchcls"
    )
    assert values(merged(rewritten, [], "batchcls"), keywords.TAGS) == []
