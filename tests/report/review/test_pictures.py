"""Pictures of a review come from processes that outlive the threads which ask for them."""

import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from batchcls.backends.thumbnails import ThumbnailProcess
from batchcls.images import Folder, ImageRef
from batchcls.report import corrections
from batchcls.report.pictures import NOTHING, Thumbnail, Whereabouts
from batchcls.report.review.desk import Desk
from batchcls.report.review.kept import Kept, identity
from batchcls.report.review.overview import Overview
from batchcls.report.rows import Results
from tests.support.reviews import jpeg


def desk_of(results: Results, make: object, folder: str = "") -> Desk:
    kept = Kept(corrections.beside(results.path), identity(results.path))
    return Desk(Overview.of(results), kept, Whereabouts(Folder(folder)), [make])  # type: ignore[list-item]


@pytest.mark.runs
def test_a_process_outlives_the_thread_that_asked_first(results: Results, tmp_path: Path) -> None:
    for n in range(2):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(300))
    with closing(ThumbnailProcess()) as make:
        desk = desk_of(results, make, str(tmp_path))
        asking = Thread(target=desk.picture, args=(0,), kwargs={"large": False})
        asking.start()
        asking.join()
        assert make._child is not None
        process = make._child._popen
        time.sleep(0.3)  # what is to be seen is that nothing happens
        assert process.poll() is None
        assert desk.picture(1, large=False)
        assert make._child._popen is process


class Late:
    """Has no picture the first time."""

    def __init__(self) -> None:
        self.asked = 0

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        self.asked += 1
        return NOTHING if self.asked == 1 else Thumbnail(b"\xff\xd8\xff")


def test_only_pictures_are_remembered(results: Results) -> None:
    make = Late()
    desk = desk_of(results, make)
    found = [desk.picture(0, large=False) for _ in range(3)]
    assert [bool(one) for one in found] == [False, True, True]
    assert make.asked == 2
