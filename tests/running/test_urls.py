"""Images on web servers get the lines that files get, and their secrets are told nowhere."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from batchcls.errors import StoppedError
from batchcls.images import FailureKind
from batchcls.job.job import Job
from batchcls.results import generation
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.results.verify import verify
from batchcls.running.run import run
from tests.support.instant_run import Place
from tests.support.web_server import Asked, Page, gives, in_turn, serving, stalls

SECRET = "X-Signature=hush"


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def page(files: dict[str, bytes]) -> Page:
    def answer(asked: Asked) -> None:
        name = unquote(asked.path.partition("?")[0]).removeprefix("/")
        if asked.path.endswith(f"?{SECRET}") and name in files:
            asked.send(200, files[name])
        else:
            asked.send(404)

    return answer


def write_list(path: Path, url: str, names: list[str]) -> str:
    path.write_text("".join(f"{url}/{name}?{SECRET}\n" for name in names))
    return f"@{path}"


def told(folder: Path) -> dict[str, bytes]:
    """What a run wrote that anybody may read."""
    return {name: data for name, data in held(folder).items() if not name.endswith("/inputs")}


@pytest.mark.runs
def test_urls_and_files_get_the_same_lines(job: Job, images: Path, tmp_path: Path) -> None:
    for name in ("pipe.jpg", "dangling.png"):
        (images / "bad" / name).unlink()
    run(job)
    files = held(images)
    out = tmp_path / "out"
    out.mkdir()
    with serving(page(files)) as server:
        names = [*sorted(files), "gone.png"]
        source = write_list(tmp_path / "urls.txt", server.url, names)
        web = replace(job, sources=(source,), output=str(out / "web.jsonl"), timeout=20.0)
        found = run(web)
        assert verify(Path(web.output), PosixStorage()).complete
        lines = Path(web.output).read_text().splitlines()
        for line, before in zip(lines, Path(job.output).read_text().splitlines(), strict=False):
            record, expected = json.loads(line), json.loads(before)
            path = record["path"]
            assert path.startswith(f"{server.url}/{expected['path']}?…")
            assert {**record, "path": ""} == {**expected, "path": ""}
        assert json.loads(lines[-1])["error"] == {
            "kind": "vanished",
            "message": "HTTP 404 Not Found",
        }
        # The one that was gone has come, and another.
        server.other = page({**files, "gone.png": files["a/01-green.png"]})
        again = run(replace(web, retry_failed=True))
        assert (again.images, again.failed) == (found.images, found.failed - 1)
        write_list(tmp_path / "urls.txt", server.url, [*names, "a/../a/01-green.png"])
        assert run(replace(web, extend=True)).images == found.images + 1
    assert [name for name, data in told(out).items() if b"hush" in data] == []


@pytest.mark.runs
def test_a_server_that_hangs_costs_no_worker(job: Job, images: Path, tmp_path: Path) -> None:
    files = held(images / "a")
    with serving(page(files)) as server:
        server.pages = {"/stall.png": stalls, "/429.png": gives(429, Retry_After=99)}
        names = [*sorted(files), "stall.png", "429.png"]
        source = write_list(tmp_path / "urls.txt", server.url, names)
        web = replace(job, sources=(source,), timeout=3.0)
        assert run(web).failed == 2
    errors = {
        Path(record["path"].partition("?")[0]).name: record["error"]["message"]
        for record in map(json.loads, Path(web.output).read_text().splitlines())
    }
    assert errors["stall.png"] == "no answer within 1.5 s"
    assert errors["429.png"] == "HTTP 429 Too Many Requests"
    log = Path(f"{web.output}.job/log")
    assert not log.exists() or "killed" not in log.read_text()


@pytest.mark.parametrize("kept", ["extend", "retry_failed"])
def test_only_its_owner_may_ever_read_the_list(place: Place, kept: str) -> None:
    with serving(in_turn(gives(404), gives(200, b"cat"))) as server:
        listed(place, f"{server.url}/0?{SECRET}", f"{server.url}/1?{SECRET}")
        place.run()
        Path(place.paths.inputs).chmod(0o640)  # as somebody may wish it
        if kept == "extend":
            listed(place, *(f"{server.url}/{n}?{SECRET}" for n in range(3)))
        place.run(extend=kept == "extend", retry_failed=kept == "retry_failed")
    expected = 0o600 if kept == "extend" else 0o640
    assert stat.S_IMODE(place.paths.inputs.stat().st_mode) == expected


def test_a_copy_of_the_list_is_as_private_as_the_list(tmp_path: Path) -> None:
    paths = [RunPaths.of(tmp_path / f"{name}.jsonl") for name in ("old", "new")]
    for one in paths:
        one.directory.mkdir()
    paths[0].inputs.write_bytes(b"http://a/b?secret\0")
    paths[0].inputs.chmod(0o600)
    generation.stage(paths[1], PosixStorage(), paths[0])
    assert paths[1].next_inputs.read_bytes() == b"http://a/b?secret\0"
    assert stat.S_IMODE(paths[1].next_inputs.stat().st_mode) == 0o600


# ---- what stops a run


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def listed(place: Place, *lines: str) -> None:
    (place.folder / "urls.txt").write_text("".join(f"{line}\n" for line in lines))
    place.job = replace(place.job, sources=(f"@{place.folder}/urls.txt",))


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "vanished"), (403, "denied"), (418, "io_error")]
)
def test_a_thousand_dead_links_stop_no_run(place: Place, status: int, kind: FailureKind) -> None:
    with serving(gives(status)) as server:
        listed(place, *(f"{server.url}/{n}" for n in range(300)))
        assert place.run().failed == 300
    assert place.paths.results.read_bytes().count(f'"kind":"{kind}"'.encode()) == 300


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchcls.sources.urls.reading.BACKOFF_S", ())


@pytest.mark.usefixtures("quick")
def test_a_network_that_is_down_stops_it(place: Place) -> None:
    with serving() as gone:
        url = gone.url
    listed(place, *(f"{url}/{n}" for n in range(300)))
    with pytest.raises(StoppedError, match="images all failed"):
        place.run()


@pytest.mark.usefixtures("quick")
def test_a_host_that_is_down_stops_none_where_another_is_up(place: Place) -> None:
    with serving() as gone:
        url = gone.url.replace("127.0.0.1", "127.0.0.2")
    with serving(in_turn(gives(200, b"cat"))) as server:
        listed(place, f"{server.url}/0", *(f"{url}/{n}" for n in range(300)))
        assert place.run().failed == 300
    lines = place.paths.results.read_bytes()
    assert lines.count(b'refused; other hosts can be reached"') == 300
