"""Which images a page asks for, and of whom: results from elsewhere make no connection."""

from contextlib import closing
from pathlib import Path

import cv2
import pytest

from batchcls.backends.thumbnails import ThumbnailProcess
from batchcls.images import Folder, ImageRef, Prediction, Url
from batchcls.report.pictures import MOST_SILENT, Thumbnail, Whereabouts, thumbnails
from batchcls.results.manifest import Manifest, save
from batchcls.results.record import ParsedRecord
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.sources.inputs import ListWriter
from batchcls.sources.url_names import shown
from tests.support.pictures import scene
from tests.support.web_server import Asked, WebServer, serving


def record(index: int, path: str) -> ParsedRecord:
    return ParsedRecord(index, path, (Prediction(0, "cat", 0.5),), None)


def frozen(results: Path, names: list[str]) -> None:
    """A job beside results that do not matter, which lists these."""
    storage, paths = PosixStorage(), RunPaths.of(results)
    storage.mkdir(paths.directory)
    writer = ListWriter(paths.inputs)
    for name in names:
        writer.add(name.encode())
    writer.commit()
    save(storage, paths.manifest, Manifest({"root": "/photos", "count": len(names)}, {}))


def pictured(server: WebServer) -> None:
    data = bytes(cv2.imencode(".jpg", scene(300))[1])

    def page(asked: Asked) -> None:
        asked.send(200, data)

    server.other = page


@pytest.mark.runs
def test_a_server_is_asked_only_for_what_the_runs_own_list_names(tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    with serving() as server, closing(ThumbnailProcess()) as make:
        pictured(server)
        signed = f"{server.url}/a.jpg?key=secret"
        records = [record(0, shown(signed)), record(1, f"{server.url}/b.jpg")]
        assert thumbnails(records, Whereabouts.of(results), make, 1 << 20) == {}
        assert server.accepted == []
        frozen(results, [signed, f"{server.url}/c.jpg"])
        made = thumbnails(records, Whereabouts.of(results), make, 1 << 20)
        assert made[0].data
        assert [*made] == [0]
        assert server.asked == ["/a.jpg?key=secret"]


@pytest.mark.parametrize("path", ["https://a.example/a.jpg", "s3://bucket/a.jpg", "gs://b/s.tar/a"])
def test_an_image_that_is_far_away_is_nowhere_without_a_list(path: str) -> None:
    assert Whereabouts(Folder("/photos")).image(record(0, path)) is None


def test_an_image_is_listed_under_its_index_and_its_name(tmp_path: Path) -> None:
    address = "https://a.example/a.jpg?key=secret"
    frozen(tmp_path / "r.jsonl", ["b.jpg", address])
    where = Whereabouts.of(tmp_path / "r.jsonl")
    found = where.image(record(1, shown(address)))
    assert found is not None
    assert found.place == Url(Folder("/photos"), address)
    for index, path in ((0, shown(address)), (1, "https://a.example/b.jpg"), (2, shown(address))):
        assert where.image(record(index, path)) is None
    assert where.image(record(0, "b.jpg")) == ImageRef(0, "b.jpg", Folder("/photos"))


class Silent:
    """Has the images that are here, and waits for the others in vain."""

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        return Thumbnail(kind="io_error") if "://" in image.path else Thumbnail(b"\xff\xd8\xff")


def test_a_network_that_says_nothing_is_left_alone(tmp_path: Path) -> None:
    names = [f"https://a.example/{n}.jpg" for n in range(MOST_SILENT + 5)] + ["here.jpg"]
    frozen(tmp_path / "r.jsonl", names)
    where = Whereabouts.of(tmp_path / "r.jsonl")
    records = [record(n, name) for n, name in enumerate(names)]
    made = thumbnails(records, where, Silent(), 1 << 20)
    assert [*made] == [*range(MOST_SILENT), len(names) - 1]
