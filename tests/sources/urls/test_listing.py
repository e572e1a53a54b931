"""URLs on a list are images like others; what is secret in them is in the frozen list alone."""

import io
import json
import stat
from contextlib import closing
from pathlib import Path

import pytest

from batchcls.errors import SourceError
from batchcls.images import Folder, ImageRef, Url
from batchcls.job.job import Job
from batchcls.messages import Lease
from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import InputsList, InputsReader
from batchcls.sources.url_names import shown
from batchcls.wire import protocol

SIGNED = "https://a.example/b.jpg?key=hush&x=1"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job").mkdir()


def frozen(*lines: str, sources: tuple[str, ...] = ("@urls.txt",)) -> InputsList:
    Path("urls.txt").write_text("\n".join(lines) + "\n")
    return freeze(Job(sources=sources), Path("job/inputs"))


def images(listed: InputsList) -> list[ImageRef]:
    with closing(InputsReader("job/inputs", listed.root, members=listed.members)) as reader:
        return list(reader)


def test_urls_and_files_stand_on_one_list(tmp_path: Path) -> None:
    Path("c.jpg").touch()
    found = images(frozen("c.jpg", SIGNED, "http://a.example/d", "/e.jpg"))
    assert [image.path for image in found] == [
        "/e.jpg", "c.jpg", "http://a.example/d", shown(SIGNED),
    ]  # fmt: skip
    folder = Folder(str(tmp_path))
    assert [image.place for image in found] == [
        folder, folder, Url(folder, "http://a.example/d"), Url(folder, SIGNED),
    ]  # fmt: skip


def test_only_its_owner_may_read_a_list_with_urls() -> None:
    frozen(SIGNED)
    assert stat.S_IMODE(Path("job/inputs").stat().st_mode) == 0o600
    assert b"hush" in Path("job/inputs").read_bytes()


def test_a_worker_gets_the_url_and_shows_its_name() -> None:
    found = tuple(images(frozen("c.jpg", SIGNED)))
    message = json.loads(protocol.encode_lease(Lease(0, 0, found)))
    assert protocol.decode_lease(message)[1] == list(found)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://a.example/b.jpg", "https://a.example/b.jpg"),
        ("https://u:hush@a.example/b", "https://…@a.example/b"),
        ("https://a.example/b#hush", "https://a.example/b?…"),
        ("https://a.example?hush", "https://a.example?…"),
        ("https://a.example/@b?@hush", "https://a.example/@b?…"),
        ("a?b@c.jpg", "a?b@c.jpg"),
    ],
)
def test_names_hold_no_secrets(address: str, name: str) -> None:
    rest = shown(address).removeprefix(name)
    assert len(rest) == (8 if name.endswith("…") else 0)
    assert rest == "" or int(rest, 16) >= 0


@pytest.mark.parametrize("line", [f"HTTPS{SIGNED[5:]}", f" {SIGNED}", f'"{SIGNED}"', f"1,{SIGNED}"])
def test_an_address_in_any_spelling_shows_no_secret(line: str) -> None:
    found = frozen("http://a.example/d", line)
    assert not any("hush" in image.path for image in images(found))
    assert stat.S_IMODE(Path("job/inputs").stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [f'"{SIGNED}"', f"1,{SIGNED}", f" {SIGNED}"])
def test_a_refused_list_shows_no_secret(line: str) -> None:
    with pytest.raises(SourceError) as caught:
        frozen(line, line)
    assert "hush" not in str(caught.value)


def test_what_web_servers_have_may_be_heic() -> None:
    assert frozen(SIGNED).named == {".heic": 1}


def test_names_of_other_secrets_differ() -> None:
    assert shown("http://a/b?1") != shown("http://a/b?2")


def test_a_url_counts_once_and_slashes_in_it_count() -> None:
    found = frozen(SIGNED, "http://a/b//c", "http://a/b/c", "http://a/b/./c", SIGNED)
    assert (found.count, found.duplicates) == (4, 1)


def test_extending_appends_the_new_ones() -> None:
    old = frozen("http://a/b?k=1", "http://a/d")
    Path("urls.txt").write_text("http://a/a\nhttp://a/b?k=1\nhttp://a/d\n")
    longer = extend(old, Job(sources=("@urls.txt",)), Path("job/inputs"))
    names = [image.path for image in images(longer)]
    assert names == [shown("http://a/b?k=1"), "http://a/d", "http://a/a"]
    assert stat.S_IMODE(Path("job/inputs").stat().st_mode) == 0o600


@pytest.mark.parametrize("frames", ["first", "all"])
def test_only_the_path_of_a_url_tells_what_it_is(frames: str) -> None:
    Path("urls.txt").write_text("http://a/get?name=x.tar\nhttp://a/b.gif\nhttp://a/c.tif\n")
    found = freeze(Job(sources=("@urls.txt",), frames=frames), Path("job/inputs"))
    assert (found.count, found.members) == (3, {})


@pytest.mark.parametrize("path", ["shard.tar", "b.ZIP?key=hush", "c.parquet#hush"])
def test_containers_are_not_read_from_web_servers(path: str) -> None:
    with pytest.raises(SourceError, match="containers are not read from web servers") as caught:
        frozen(f"https://a.example/{path}")
    assert "hush" not in str(caught.value)


def test_a_url_by_itself_belongs_on_a_list() -> None:
    with pytest.raises(
        SourceError, match=r"is a URL; put it on a list of URLs.*@urls\.txt"
    ) as found:
        frozen(sources=(SIGNED,))
    assert "hush" not in str(found.value)


def test_a_list_that_is_cut_off_tells_no_secret() -> None:
    stdin = io.BytesIO(f"http://a/b\n{SIGNED}".encode())
    with pytest.raises(SourceError, match="ends in the middle of a path") as caught:
        freeze(Job(sources=("-",)), Path("job/inputs"), stdin=stdin)
    assert "hush" not in str(caught.value)
    assert "https://a.example/b.jpg" in str(caught.value)
