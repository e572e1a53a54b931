"""A review that answers, for tests of what it says."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2

from batchcls.images import Folder, ImageRef
from batchcls.report import corrections
from batchcls.report.page.review import review_page
from batchcls.report.pictures import NOTHING, Thumbnail, Whereabouts
from batchcls.report.review.desk import Desk
from batchcls.report.review.kept import Kept, identity
from batchcls.report.review.overview import Overview
from batchcls.report.review.server import ReviewServer, listen
from batchcls.report.rows import Results
from batchcls.results.manifest import Manifest, save
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from tests.support.pictures import scene


def jpeg(edge: int) -> bytes:
    """A picture with edges of this length."""
    return bytes(cv2.imencode(".jpg", scene(edge))[1])


class Drawn:
    """A picture of every second image."""

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        return Thumbnail(jpeg(edge)) if image.index % 2 == 0 else NOTHING


def note_labels(path: Path, labels: list[str]) -> None:
    """As the run that made these results notes its model's."""
    storage, paths = PosixStorage(), RunPaths.of(path)
    storage.mkdir(paths.directory)
    save(storage, paths.manifest, Manifest({}, {}, settings={"labels": {"names": labels}}))


@contextmanager
def serving(results: Results) -> Iterator[ReviewServer]:
    """A review of these results."""
    kept = Kept(corrections.beside(results.path), identity(results.path))
    desk = Desk(Overview.of(results), kept, Whereabouts(Folder("")), [Drawn()])
    page = review_page(desk.about("</script>"))
    with closing(kept), listen(0, desk, page) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()
