"""Files as a source: a directory's keep the contract, and so do those on a list."""

import os
import shutil
from pathlib import Path

import pytest

from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.sources.files import Files
from batchcls.sources.opening import open_sources
from batchcls.sources.source import Source
from tests.support.source_contract import Held, SourceContract, fill, refusal


class HeldFiles(Held):
    """Files below a directory."""

    def __init__(self, tmp_path: Path) -> None:
        self.top = tmp_path / "top"
        self.top.mkdir()
        self.spilled = tmp_path / "job"
        self.spilled.mkdir()

    def _path(self, name: bytes) -> Path:
        return self.top / os.fsdecode(name)

    def put(self, name: bytes, content: bytes) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, name: bytes) -> None:
        self._path(name).unlink()

    def remove_all(self) -> None:
        shutil.rmtree(self.top)

    def job(self) -> Job:
        return Job(sources=(str(self.top),))

    def opened(self) -> Source:
        (source,) = open_sources(self.job(), self.spilled).sources
        return source

    def reader(self, max_bytes: int) -> Source:
        return Files(max_bytes=max_bytes)


class HeldFilesOnAList(HeldFiles):
    """The same with a list of them as the source."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(tmp_path)
        monkeypatch.chdir(self.top)
        self.names: list[bytes] = []
        self.list = tmp_path / "list"

    def put(self, name: bytes, content: bytes) -> None:
        super().put(name, content)
        self.names.append(name)
        self.list.write_bytes(b"".join(name + b"\0" for name in self.names))

    def remove_all(self) -> None:
        self.list.unlink()

    def job(self) -> Job:
        return Job(sources=(f"@{self.list}",), null_separated=True)


class TestDirectory(SourceContract):
    @pytest.fixture
    def held(self, tmp_path: Path) -> Held:
        return HeldFiles(tmp_path)


class TestList(SourceContract):
    @pytest.fixture
    def held(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
        return HeldFilesOnAList(tmp_path, monkeypatch)


def test_a_path_leads_from_its_place_and_an_absolute_one_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldFiles(tmp_path)
    content = fill(held, b"a.jpg")[b"a.jpg"]
    source = Files()
    assert source.read(ImageRef(0, "a.jpg", Folder(str(held.top)))) == content
    assert source.read(ImageRef(0, str(held.top / "a.jpg"), Folder("/nowhere"))) == content
    assert refusal(source, ImageRef(0, "a.jpg", Folder("/nowhere"))).kind == "vanished"
    monkeypatch.chdir(held.top)
    assert source.read(ImageRef(0, "a.jpg")) == content


def test_one_file_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = HeldFiles(tmp_path)
    fill(held, b"odd.name")
    monkeypatch.chdir(held.top)
    (source,) = open_sources(Job(sources=("odd.name",)), held.spilled).sources
    assert [*source.list()] == [(b"odd.name", Folder(str(held.top)))]
