"""Runs with `--follow`: one line for each image, whatever comes when, and whatever ends them."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import InterruptedByUser, RefusedError
from batchcls.messages import Event, Lease
from batchcls.results import manifest as manifests
from batchcls.results.storage import PosixStorage
from batchcls.wire.start import StartMessage
from tests.support.instant_run import LEFT, PLACES, InstantWorkers, Place, safe_lines
from tests.support.numbered import Crash, End, Numbered, Process, as_it_is, crash, moments

BATCHES = ((0, 4), (4, 9), (9, 11))
QUIET_TURNS = 4


class Visited(InstantWorkers):
    """Workers at a place where something happens when they have had nothing to do for a while.

    Args:
        steps: what happens, one after the other; behind the last one, the run is told to stop.
    """

    def __init__(self, start: StartMessage, steps: list[Callable[[], None]]) -> None:
        super().__init__(start)
        self._steps = steps
        self._quiet = 0

    def events(self, timeout_s: float) -> list[Event]:
        events = super().events(timeout_s)
        self._quiet = 0 if events else self._quiet + 1
        if self._quiet == QUIET_TURNS:
            self._quiet = 0
            if self._steps:
                self._steps.pop(0)()
            else:
                signal.raise_signal(signal.SIGTERM)
        return events


class Followed(Place):
    """A place that images come to while a run follows it."""

    def follow(
        self, steps: list[Callable[[], None]], storage: Numbered | Process | None = None
    ) -> int:
        """Follow it; returns how many lines there are in the end."""
        self.workers = lambda start: Visited(start, steps)
        try:
            return self.run(storage, follow=True).images
        finally:
            self.workers = InstantWorkers

    @property
    def coming(self) -> list[Callable[[], None]]:
        """The batches that are not here yet."""
        images = self.folder / "images"
        return [
            lambda first=first, end=end: self.add(first, end)  # type: ignore[misc]
            for first, end in BATCHES
            if not (images / f"{end - 1:03}.jpg").exists()
        ]

    @property
    def paths_of_lines(self) -> list[str]:
        return [json.loads(line)["path"] for line in self.paths.results.read_text().splitlines()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Followed:
    monkeypatch.setattr("batchcls.sources.arrivals.QUIET_S", 0.0)
    monkeypatch.setattr("batchcls.sources.arrivals.GATHER_S", 0.0)
    monkeypatch.setattr("batchcls.sources.arrivals.SHARE", 0)
    return Followed(tmp_path / "work")


def names(end: int) -> list[str]:
    return [f"{number:03}.jpg" for number in range(end)]


def test_what_comes_is_labelled_and_told_to_stop_the_run_is_complete(place: Followed) -> None:
    assert place.follow(place.coming) == 11
    assert place.paths_of_lines == names(11)
    manifest = manifests.load(PosixStorage(), place.paths.manifest)
    assert manifest is not None
    assert (manifest.count, manifest.generation) == (11, 1)
    assert {path.name for path in place.paths.directory.iterdir()} <= LEFT


def test_the_next_night_goes_on_where_the_last_one_ended(place: Followed) -> None:
    first, *others = place.coming
    assert place.follow([first]) == 4
    assert place.follow(others) == 11
    assert place.paths_of_lines == names(11)
    assert place.follow([]) == 11


def test_nothing_comes_and_nothing_is_left_behind_but_the_lock(place: Followed) -> None:
    assert place.follow([]) == 0
    assert not place.paths.results.exists()
    assert not place.paths.part.exists()
    assert place.follow(place.coming) == 11


def test_any_other_command_completes_what_was_followed(place: Followed) -> None:
    def stop() -> None:
        raise Crash

    with pytest.raises(Crash):
        place.follow([*place.coming, stop])
    with pytest.raises(RefusedError, match="is not complete"):
        place.run(retry_failed=True)
    assert place.run().images == 11
    assert place.paths_of_lines == names(11)
    place.add(11, 13)
    assert place.run(extend=True).images == 13


def test_what_was_there_in_a_folder_that_is_made_is_labelled(place: Followed) -> None:
    images = place.folder / "images"

    def make() -> None:
        (images / "sub" / "below").mkdir(parents=True)
        (images / "sub" / "below" / "x.jpg").write_text("dog")

    def move() -> None:
        (place.folder / "elsewhere").mkdir()
        (place.folder / "elsewhere" / "y.jpg").write_text("dog")
        (place.folder / "elsewhere").rename(images / "moved")

    assert place.follow([*place.coming[:1], make, move]) == 6
    assert place.paths_of_lines == [*names(4), "sub/below/x.jpg", "moved/y.jpg"]


def test_an_archive_that_is_damaged_ends_no_night(place: Followed) -> None:
    def damaged() -> None:
        (place.folder / "images" / "bad.tar").write_bytes(b"no tar at all" * 100)

    def whole() -> None:
        place.pack("good.tar", 20, 22)

    def rewritten() -> None:
        place.pack("good.tar", 20, 25)

    steps = [*place.coming[:1], damaged, whole, rewritten, *place.coming[1:2]]
    assert place.follow(steps) == 11
    assert place.paths_of_lines == [
        *names(4), "good.tar//020.jpg", "good.tar//021.jpg", *names(9)[4:]
    ]  # fmt: skip
    warnings = "\n".join(json.loads(place.paths.summary.read_text())["warnings"])
    assert "bad.tar" in warnings


def test_stopped_while_it_labels_it_drains_and_goes_on(place: Followed) -> None:
    place.add(0, 4)

    class Busy(InstantWorkers):
        def do(self, command: Any) -> None:
            super().do(command)
            if len(self.leased) == 1:
                signal.raise_signal(signal.SIGTERM)

    place.workers = Busy
    try:
        place.run(follow=True)
    except InterruptedByUser as stopped:
        assert stopped.exit_code == 143
    assert place.follow(place.coming) == 11
    assert place.paths_of_lines == names(11)


def test_what_comes_first_counts_for_the_rate_as_what_comes_later(place: Followed) -> None:
    class Slow(Visited):
        def do(self, command: Any) -> None:
            if isinstance(command, Lease):
                time.sleep(0.6)
            super().do(command)

    steps = place.coming[:1]
    place.workers = lambda start: Slow(start, steps)
    assert place.run(follow=True).images == 4
    assert json.loads(place.paths.summary.read_text())["fps"] <= 4 / 0.6


def test_stopped_before_everything_was_listed_it_is_not_complete(
    place: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add(0, 4)
    with monkeypatch.context() as patched:
        patched.setattr("batchcls.sources.arrivals.TURN_S", -1.0)  # never more than a beginning
        patched.setattr("batchcls.sources.arrivals.YIELD_EVERY", 1)
        with pytest.raises(InterruptedByUser):
            place.follow([])
    assert not place.paths.results.exists()
    assert place.follow([]) == 4


def test_stopped_while_something_comes_it_says_so(
    place: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchcls.sources.arrivals.QUIET_S", 10.0)
    assert place.follow([lambda: place.add(0, 1, "")]) == 0  # empty yet
    assert "1 file has come just now" in place.paths.summary.read_text()
    assert "1 file has come just now" in place.paths.log.read_text()


@pytest.mark.runs
@pytest.mark.parametrize("scene", ["nothing", "complete results, and archives"])
def test_one_line_for_each_image_wherever_it_is_killed(
    place: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str
) -> None:
    monkeypatch.setattr("os.fsync", lambda fd: None)  # which only a power loss would notice
    if scene != "nothing":
        place.add(0, 4)
        place.run()

    def coming() -> list[Callable[[], None]]:
        packed = [] if (place.folder / "images" / "z.tar").exists() else [pack]
        return place.coming if scene == "nothing" else [*place.coming, *packed]

    def pack() -> None:
        place.pack("z.tar", 20, 23)

    place.keep(tmp_path / "start")
    counted = Numbered(Process(), as_it_is)
    place.follow(coming(), counted)
    whole = place.paths.results.read_bytes()
    last = manifests.load(PosixStorage(), place.paths.manifest)
    assert last is not None
    resumed = 0
    for at, how in moments(counted.names):
        place.restore(tmp_path / "start")
        process = Process()
        try:
            place.follow(coming(), Numbered(process, End(at, how, crash)))
        except Crash:
            process.end()
        safe = safe_lines(place, last.generation)
        place.follow(coming(), Process())
        assert place.paths.results.read_bytes() == whole, (at, how, counted.names[at])
        assert {path.name for path in place.folder.iterdir()} == {
            "images", "results.jsonl", "results.jsonl.job",
        }  # fmt: skip
        assert {path.name for path in place.paths.directory.iterdir()} <= LEFT | PLACES
        assert all(index >= safe for index in place.leased), "what was safe is done again"
        resumed += safe > 0
    assert resumed > 20
