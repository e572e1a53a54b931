"""The truth that lies beside an image in its shard, as WebDataset has it."""

from pathlib import Path

import pytest

from batchcls.report.siblings import SiblingTruths
from batchcls.report.truth import Truth
from tests.support.archives import pack, tar_bytes

SHARD = {
    "0.jpg": b"", "0.cls": b" 7\n",
    "1.jpg": b"", "1.json": b'{"label": "tench", "class_id": 0, "width": 12}',
    "2.jpg": b"", "2.json": b'{"label": 3}', "2.cls": b"4",
    "cat/3.jpg": b"", "cat/3.cls": b"no number", "cat/3.json": b"[1]",
    "cat/4.jpg": b"",
    "5.seg.jpg": b"", "5.CLS": b"5",
    "6.jpg": b"", "6.cls": b"1", "d/6.cls": b"2",
    "7.jpg": b"",
}  # fmt: skip


@pytest.mark.parametrize("ending", [".tar", ".zip"])
@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("0.jpg", Truth(7, None)),
        ("1.jpg", Truth(0, "tench")),
        ("2.jpg", Truth(4, None)),
        ("cat/3.jpg", Truth(None, "cat")),
        ("cat/4.jpg", Truth(None, "cat")),
        ("5.seg.jpg", Truth(5, None)),
        ("6.jpg", Truth(1, None)),
        ("7.jpg", None),
    ],
)
def test_what_stands_beside_an_image_counts_before_its_folder(
    tmp_path: Path, ending: str, name: str, truth: Truth | None
) -> None:
    pack(tmp_path / f"0{ending}", SHARD)
    assert SiblingTruths(str(tmp_path)).of(f"0{ending}//{name}") == truth


def test_two_that_do_not_agree_say_nothing(tmp_path: Path) -> None:
    one, two = (tar_bytes({"0.jpg": b"", "0.cls": text}) for text in (b"1", b"2"))
    (tmp_path / "0.tar").write_bytes(one[:1536] + two)
    assert SiblingTruths(str(tmp_path)).of("0.tar//0.jpg") is None


def test_a_shard_that_is_cut_off_says_nothing(tmp_path: Path) -> None:
    data = tar_bytes({"0.jpg": b"", "0.cls": b"1", "1.cls": b"2"})
    (tmp_path / "0.tar").write_bytes(data[:2048])
    assert SiblingTruths(str(tmp_path)).of("0.tar//0.jpg") is None


def test_a_container_that_is_gone_has_only_its_folders(tmp_path: Path) -> None:
    truths = SiblingTruths(str(tmp_path))
    assert truths.of("gone.tar//cat/0.jpg") == Truth(None, "cat")
    assert truths.of("gone.tar//0.jpg") is None
    assert truths.of("cat/0.jpg") == Truth(None, "cat")
