"""Datasets of the Hugging Face hub: references, the choice of files, and runs over them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcls.backends import hub_datasets
from batchcls.backends.hub_datasets import CONVERTED, Reference
from batchcls.errors import SourceError
from batchcls.model.builtin.canary import canary_image
from tests.support.archives import tar_bytes
from tests.support.hub_server import COMMIT, OTHER, Hub, batchcls, environment, fetching, hub_server

PROGRAM = "import sys; from batchcls.backends.hub_datasets import fetch; print(fetch(sys.argv[1]))"


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        ("hf://datasets/org/name", Reference("org/name")),
        ("hf://datasets/org/na.me@v1.0", Reference("org/na.me", "v1.0")),
        ("hf://datasets/org/name:train", Reference("org/name", None, "train")),
        (f"hf://datasets/org/name@{CONVERTED}:test", Reference("org/name", CONVERTED, "test")),
    ],
)
def test_references(source: str, reference: Reference) -> None:
    assert hub_datasets.is_reference(source)
    assert hub_datasets.parse(source) == reference


@pytest.mark.parametrize(
    "source", ["hf://org/name", "hf://datasets/name", "hf://datasets/a/b/c", "hf://datasets/a/b:"]
)
def test_what_is_no_reference(source: str) -> None:
    with pytest.raises(SourceError, match=r"expected hf://datasets/ORG/NAME\[@REVISION\]"):
        hub_datasets.parse(source)


@pytest.mark.parametrize(
    ("files", "split", "chosen"),
    [
        (["b.parquet", "a.parquet", "x.tar"], None, ["a.parquet", "b.parquet"]),
        (["b.tar", "a.zip", "README.md"], None, ["a.zip", "b.tar"]),
        (["default/train/0.parquet", "default/test/0.parquet"], "test", ["default/test/0.parquet"]),
        (["train-0-of-1.parquet", "trainer.parquet"], "train", ["train-0-of-1.parquet"]),
        (["a.parquet", "train.tar"], "train", []),
        (["README.md"], None, []),
    ],
)
def test_the_choice_of_files(files: list[str], split: str | None, chosen: list[str]) -> None:
    assert hub_datasets.choose(files, split) == chosen


@pytest.fixture
def server() -> Iterator[Hub]:
    """A hub with shards, with what only the branch of Parquet has, and with no image at all."""
    with hub_server() as found:
        shards = {name: tar_bytes({"0.png": canary_image()}) for name in NAMES}
        found.repositories["org/shards", COMMIT] = {**shards, "README.md": b"unwanted"}
        found.repositories["org/script", COMMIT] = {"script.py": b""}
        found.repositories["org/script", OTHER] = {"default/train/0.parquet": b"PAR1"}
        found.repositories["org/text", COMMIT] = {"a.txt": b""}
        found.repositories["org/text", OTHER] = {}
        found.revisions[CONVERTED] = OTHER
        yield found


NAMES = ("data/test-0.tar", "data/train-0.tar", "data/train-1.tar")


def fetched(source: str, env: dict[str, str], cwd: Path) -> Path | str:
    """The folder, or the last line of what went wrong."""
    command = [sys.executable, "-c", PROGRAM, source]
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)
    return Path(done.stdout.strip()) if not done.returncode else done.stderr.splitlines()[-1]


@fetching
def test_a_dataset_is_fetched_once_and_serves_without_the_hub(server: Hub, tmp_path: Path) -> None:
    env = environment(server, tmp_path)
    folder = fetched("hf://datasets/org/shards:train", env, tmp_path)
    assert isinstance(folder, Path), folder
    assert folder == tmp_path / f"cache/batchcls/hub/datasets/org/shards@{COMMIT} train"
    there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))
    assert there == ["data/train-0.tar", "data/train-1.tar"]
    asked = sum("resolve" in line for line in server.asked)
    assert fetched("hf://datasets/org/shards:train", env, tmp_path) == folder
    assert sum("resolve" in line for line in server.asked) == asked
    away = environment(None, tmp_path)
    assert fetched("hf://datasets/org/shards:train", away, tmp_path) == folder
    told = fetched("hf://datasets/org/shards", away, tmp_path)
    assert "it was not fetched before, and the hub cannot be reached" in str(told)


def test_without_the_hub_a_revision_is_that_commit_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def serves(revision: str | None) -> Path | str:
        try:
            return hub_datasets._fetched_before(
                "S", Reference("org/name", revision), OSError("off")
            )
        except SourceError as error:
            return str(error)

    assert serves(None) == "S: it was not fetched before, and the hub cannot be reached: off"
    folder = hub_datasets._place(Reference("org/name"), COMMIT)
    folder.mkdir(parents=True)
    assert serves(None) == serves(COMMIT) == serves(COMMIT[:8]) == folder
    for revision in ("main", "v1.0", OTHER, "a"):
        assert f"is known to be {revision} (fetched: {COMMIT})" in str(serves(revision))
    hub_datasets._place(Reference("org/name"), OTHER).mkdir()
    assert "several commits were fetched; name one" in str(serves(None))
    assert serves(COMMIT) == folder


def test_a_run_goes_on_with_its_commit_when_the_hub_has_moved_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    whole, part = (
        hub_datasets._place(Reference("org/name", None, split), COMMIT) for split in (None, "train")
    )
    known = ["/photos", str(whole), str(part)]
    assert hub_datasets.fetched_for("hf://datasets/org/name", known) is None  # not there any more
    whole.mkdir(parents=True)
    part.mkdir()
    assert hub_datasets.fetched_for("hf://datasets/org/name", known) == whole
    assert hub_datasets.fetched_for("hf://datasets/org/name:train", known) == part
    for other in ("org/name@main", "org/name:test", "org/other", "other/name"):
        assert hub_datasets.fetched_for(f"hf://datasets/{other}", known) is None
    assert hub_datasets.fetched_for("hf://datasets/org/name", ["/elsewhere/" + whole.name]) is None


def test_a_folder_whose_files_left_the_cache_is_made_anew(tmp_path: Path) -> None:
    snapshot, folder = tmp_path / "snapshot", tmp_path / "links"
    snapshot.mkdir()
    (snapshot / "a.tar").write_bytes(b"old")
    assert hub_datasets._linked("S", folder, snapshot, ["a.tar"]) == folder
    assert hub_datasets._is_whole(folder)
    (snapshot / "a.tar").unlink()
    assert not hub_datasets._is_whole(folder)
    (tmp_path / "fetched").mkdir()
    (tmp_path / "fetched/a.tar").write_bytes(b"new")
    hub_datasets._linked("S", folder, tmp_path / "fetched", ["a.tar"])
    assert (folder / "a.tar").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetched", "links", "snapshot"]


@fetching
def test_what_only_the_hub_made_parquet_of_comes_from_its_branch(
    server: Hub, tmp_path: Path
) -> None:
    folder = fetched("hf://datasets/org/script", environment(server, tmp_path), tmp_path)
    assert isinstance(folder, Path), folder
    assert (folder.name, (folder / "default/train/0.parquet").read_bytes()) == (
        f"script@{OTHER}", b"PAR1",
    )  # fmt: skip


@fetching
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("hf://datasets/org/nothing", "no such dataset"),
        ("hf://datasets/org/shards@nothing", "has no such branch, tag or commit"),
        ("hf://datasets/org/shards:valid", "no file of the split valid among data/test-0.tar, "),
        ("hf://datasets/org/text", "holds neither Parquet nor .tar or .zip files"),
    ],
)
def test_what_is_wrong_is_said(server: Hub, tmp_path: Path, source: str, words: str) -> None:
    assert words in str(fetched(source, environment(server, tmp_path), tmp_path))


@fetching
@pytest.mark.runs
def test_a_run_over_a_dataset(server: Hub, tmp_path: Path) -> None:
    words = ["run", "hf://datasets/org/shards", "-o", "r.jsonl", "--progress", "none"]
    done = batchcls(*words, env=environment(server, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == [f"{name}//0.png" for name in NAMES]
    assert not any(line["error"]["kind"] for line in lines)
