"""What a run leaves behind that came to nothing: nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.backends.backend import Backend
from batchcls.errors import BatchclsError, DeviceError
from batchcls.messages import BackendCommand, StartWorker, WorkerRefused
from batchcls.running.run import run
from batchcls.wire.start import StartMessage
from tests.support.instant_run import InstantWorkers, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work")
    place.add(0, 20)
    return place


class Refusing(InstantWorkers):
    """Workers that do not like the device."""

    def do(self, command: BackendCommand) -> None:
        match command:
            case StartWorker(worker):
                self._events.append(WorkerRefused(worker, "DeviceError", "no such device"))
            case _:
                super().do(command)


def refusing(start: StartMessage, log: Path, timeout_s: float) -> Backend:
    log.touch()
    return Refusing(start)


def files(place: Place) -> set[str]:
    return {str(path.relative_to(place.folder)) for path in place.folder.rglob("*")}


def refused(place: Place, **options: Any) -> None:
    before = files(place)
    with pytest.raises(BatchclsError) as caught:
        place.run(**options)
    assert caught.value.exit_code == 2
    assert files(place) == before


def test_a_refused_output_leaves_no_folder(place: Place) -> None:
    place.paths.results.write_text("of another program\n")
    refused(place)
    refused(place, fresh=True)
    place.paths.results.rename(place.paths.part)
    refused(place)


@pytest.mark.parametrize(
    "options", [{"sources": ("missing",)}, {"names": ("*.tif",)}, {"extend": True}], ids=str
)
def test_a_refused_job_leaves_no_folder(place: Place, options: dict[str, Any]) -> None:
    refused(place, **options)
    assert not place.paths.directory.exists()


def test_a_job_that_the_workers_refuse_leaves_no_folder(place: Place) -> None:
    before = files(place)
    with pytest.raises(DeviceError):
        run(place.job, refusing)
    assert files(place) == before


def test_what_is_there_stays(place: Place) -> None:
    place.run()
    refused(place, sources=(str(place.folder),))
    (place.folder / "other.jsonl.job").mkdir()
    (place.folder / "other.jsonl.job/note").write_text("mine")
    with pytest.raises(BatchclsError):
        place.run(output=str(place.folder / "other.jsonl"), names=("*.tif",))
    assert (place.folder / "other.jsonl.job/note").read_text() == "mine"


def test_nothing_half_compiled_is_left(place: Place, tmp_path: Path) -> None:
    """As of a worker that was killed while it compiled, because the run was stopped."""
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    (cache / f"{'a' * 64}.part").touch()
    with pytest.raises(DeviceError):
        run(replace(place.job, cache_dir=str(cache)), refusing)
    assert not list(cache.iterdir())
