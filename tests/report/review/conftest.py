"""What the tests of a review share: results of which every tenth image failed."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import pytest

from batchcls.images import Failure, Folder, ImageRef, Prediction
from batchcls.report import corrections
from batchcls.report.page.review import review_page
from batchcls.report.pictures import NOTHING, Thumbnail, Whereabouts
from batchcls.report.review.desk import Desk
from batchcls.report.review.kept import Kept, identity
from batchcls.report.review.overview import Overview
from batchcls.report.review.server import ReviewServer, listen
from batchcls.report.rows import Results
from batchcls.results.record import failure_line, ok_line
from tests.support.pictures import scene

COUNT = 500


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Image k is surer the higher k is, but for a step of 7; labels a, b and c in turn."""
    path = tmp_path / "r.jsonl"
    lines = []
    for n in range(COUNT):
        ref = ImageRef(n, f"{n}.jpg")
        if n % 10 == 9:
            lines.append(failure_line(ref, Failure("empty", "no bytes")))
        else:
            score = 0.5 + (n * 7 % COUNT) / 2000
            top = [Prediction(n % 3, "abc"[n % 3], score), Prediction(9, "z", 0.25)]
            lines.append(ok_line(ref, top))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return Results.find(str(path))


def jpeg(edge: int) -> bytes:
    """A picture with edges of this length."""
    return bytes(cv2.imencode(".jpg", scene(edge))[1])


class Drawn:
    """A picture of every second image."""

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        return Thumbnail(jpeg(edge)) if image.index % 2 == 0 else NOTHING


@pytest.fixture
def server(results: Results) -> Iterator[ReviewServer]:
    kept = Kept(corrections.beside(results.path), identity(results.path))
    desk = Desk(Overview.of(results), kept, Whereabouts(Folder("")), [Drawn()])
    page = review_page(desk.about("</script>"))
    with closing(kept), listen(0, desk, page) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()
