"""A run ends at any of its operations on the results: the same command goes on, to the same end."""

import errno
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import RefusedError, SourceError, StoppedError
from batchcls.results import manifest as manifests
from batchcls.results.storage import PosixStorage
from tests.support.bucket import BUCKET, Bucket
from tests.support.instant_run import CUT, LEFT, PLACES, Place, safe_lines
from tests.support.numbered import Crash, End, Fail, Numbered, Process, as_it_is, crash, moments

COUNT = 14


def nothing(place: Place) -> None:
    place.add(0, COUNT)


def grown(place: Place) -> None:
    """Complete, and then there are more images."""
    nothing(place)
    place.run()
    place.add(COUNT, COUNT + 4)


def mended(place: Place) -> None:
    """Complete, and then some of the failed images are whole."""
    nothing(place)
    place.run()
    for number in (3,):
        (place.folder / "images" / f"{number:03}.jpg").write_text("cat")


def mended_shard(place: Place) -> None:
    nothing(place)
    place.run(shard="1/2")
    (place.folder / "images" / "003.jpg").write_text("cat")


def changed(place: Place) -> None:
    """Complete, and then the images are others."""
    nothing(place)
    place.run()
    place.add(0, COUNT, "dog")


def half_done(place: Place) -> None:
    """Stopped on the way, and then the images are others."""
    nothing(place)
    stop_midway(place)
    place.add(0, COUNT, "dog")


def packed(place: Place) -> None:
    """Files, and images in a container."""
    place.add(0, 4)
    place.pack("b.tar", 4, COUNT)


def packed_and_done(place: Place) -> None:
    packed(place)
    place.run()


def packed_and_grown(place: Place) -> None:
    """Complete, and then there is another container."""
    packed(place)
    place.run()
    place.pack("c.tar", COUNT, COUNT + 4)


def grown_by_a_container(place: Place) -> None:
    """Complete, of files alone, and then there is a container."""
    nothing(place)
    place.run()
    place.pack("c.tar", COUNT, COUNT + 4)


def unpacked(place: Place) -> None:
    """Complete, and then the container's images are files."""
    packed(place)
    place.run()
    (place.folder / "images/b.tar").unlink()
    place.add(4, COUNT)


SCENES: dict[str, tuple[Callable[[Place], None], dict[str, Any]]] = {
    "a run": (nothing, {}),
    "--extend": (grown, {"extend": True}),
    "--retry-failed": (mended, {"retry_failed": True}),
    "a shard": (nothing, {"shard": "2/2"}),
    "--retry-failed of a shard": (mended_shard, {"shard": "1/2", "retry_failed": True}),
    "--fresh over nothing": (nothing, {"fresh": True}),
    "--fresh over complete results": (changed, {"fresh": True}),
    "--fresh over unfinished results": (half_done, {"fresh": True}),
}
CONTAINERS: dict[str, tuple[Callable[[Place], None], dict[str, Any]]] = {
    "containers": (packed, {}),
    "--retry-failed of containers": (packed_and_done, {"retry_failed": True}),
    "--extend by a container": (packed_and_grown, {"extend": True}),
    "--extend of files by a container": (grown_by_a_container, {"extend": True}),
    "--fresh over containers": (unpacked, {"fresh": True}),
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "work")


def operations(place: Place, **command: Any) -> list[str]:
    counted = Numbered(Process(), as_it_is)
    place.run(counted, **command)
    return counted.names


def stop(place: Place, at: int, how: str, **command: Any) -> None:
    """The command, ended there; or not, where it has no such operation any more."""
    process = Process()
    try:
        place.run(Numbered(process, End(at, how, crash)), **command)
    except Crash:
        process.end()


def require_end(place: Place, whole: bytes) -> None:
    assert place.paths.results.read_bytes() == whole
    names = {path.name for path in place.folder.iterdir()}
    assert names == {"images", "results.jsonl", "results.jsonl.job"}
    members = b"//" in whole
    left = {path.name for path in place.paths.directory.iterdir()}
    assert left <= (LEFT | PLACES if members else LEFT)
    assert (left >= PLACES) == members


def undisturbed(
    place: Place, tmp_path: Path, scene: str
) -> tuple[dict[str, Any], list[str], bytes]:
    """A scene's command, its operations where nothing stops it, and the results of that."""
    prepare, command = {**SCENES, **CONTAINERS}[scene]
    prepare(place)
    place.keep(tmp_path / "start")
    names = operations(place, **command)
    return command, names, place.paths.results.read_bytes()


@pytest.mark.runs
@pytest.mark.parametrize("scene", [*SCENES, *CONTAINERS])
def test_the_same_command_goes_on_wherever_it_was_stopped(
    place: Place, tmp_path: Path, scene: str
) -> None:
    command, names, whole = undisturbed(place, tmp_path, scene)
    last = manifests.load(PosixStorage(), place.paths.manifest)
    assert last is not None
    resumed = 0
    for at, how in moments(names):
        place.restore(tmp_path / "start")
        stop(place, at, how, **command)
        safe = safe_lines(place, last.generation)
        place.run(Process(), **command)
        require_end(place, whole)
        assert all(index >= safe for index in place.leased), "what was safe is done again"
        resumed += safe > 0
    assert resumed > 5


@pytest.mark.runs
def test_a_run_over_a_bucket_goes_on_wherever_it_was_stopped(
    place: Place, tmp_path: Path, bucket: Bucket
) -> None:
    for number in range(COUNT):
        bucket.put(f"{number:03}.jpg", (CUT if number % 7 == 3 else "cat").encode())
    place.job = replace(place.job, sources=(f"s3://{BUCKET}/",))
    place.keep(tmp_path / "start")
    names = operations(place)
    whole = place.paths.results.read_bytes()
    resumed = 0
    for at, how in moments(names):
        place.restore(tmp_path / "start")
        stop(place, at, how)
        safe = safe_lines(place, 1)
        bucket.asked.clear()
        place.run(Process())
        require_end(place, whole)
        listed = any("list-type" in asked for asked in bucket.asked)
        assert not (safe and listed), "what was listed is listed again"
        resumed += safe > 0
    assert resumed > 5


@pytest.mark.runs
@pytest.mark.parametrize("scene", [*SCENES, "--extend by a container"])
def test_it_goes_on_when_it_was_stopped_again_and_again(
    place: Place, tmp_path: Path, scene: str
) -> None:
    command, names, whole = undisturbed(place, tmp_path, scene)
    chance = random.Random(scene)
    for _ in range(20):
        place.restore(tmp_path / "start")
        for at, how in chance.choices(moments(names), k=3):
            stop(place, at, how, **command)
        place.run(Process(), **command)
        require_end(place, whole)


@pytest.mark.runs
@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("scene", [*SCENES, "--extend by a container"])
def test_it_goes_on_after_a_full_disk(
    place: Place, tmp_path: Path, scene: str, sticky: bool
) -> None:
    command, names, whole = undisturbed(place, tmp_path, scene)
    for at in sorted({at for at, _ in moments(names)}):
        place.restore(tmp_path / "start")
        full = Numbered(Process(), Fail(at, errno.ENOSPC, sticky=sticky))
        try:
            place.run(full, **command)
        except StoppedError as error:
            assert "run the same command again" in str(error)
        place.run(Process(), **command)
        require_end(place, whole)


def stop_midway(place: Place, **command: Any) -> None:
    """Stop the command when its first lines are safe."""
    copy = place.folder.with_name("copy")
    place.keep(copy)
    names = operations(place, **command)
    place.restore(copy)
    shutil.rmtree(copy)
    stop(place, names.index("fdatasync") + 1, "after", **command)
    assert place.paths.part.stat().st_size


@pytest.mark.parametrize("option", ["extend", "retry_failed"])
def test_what_is_not_complete_is_completed_first(place: Place, option: str) -> None:
    nothing(place)
    stop_midway(place)
    command: dict[str, Any] = {option: True}
    written = option.replace("_", "-")
    with pytest.raises(RefusedError, match=rf"is not complete; .* without `--{written}` first"):
        place.run(**command)
    place.run()
    assert place.run(**command).images == COUNT


def test_another_option_waits_until_the_first_is_done(place: Place) -> None:
    grown(place)
    stop_midway(place, extend=True)
    with pytest.raises(RefusedError, match="run the same command without `--retry-failed` first"):
        place.run(retry_failed=True)
    assert place.run().images == COUNT + 4
    assert place.run(retry_failed=True).images == COUNT + 4


def test_nothing_is_left_of_an_extension_that_adds_nothing(place: Place) -> None:
    nothing(place)
    place.run()
    whole = place.paths.results.read_bytes()
    assert place.run(extend=True).images == COUNT
    require_end(place, whole)


def test_nothing_is_left_of_a_list_that_is_not_used(place: Place) -> None:
    grown(place)
    whole = place.paths.results.read_bytes()
    with pytest.raises(RefusedError, match="top: was"):
        place.run(extend=True, top=3)
    require_end(place, whole)
    with pytest.raises(SourceError, match="no images found"):
        place.run(fresh=True, names=("*.tiff",))
    require_end(place, whole)


def told_of_fresh(place: Place) -> str:
    """What the last run warned of `--fresh`."""
    warnings = json.loads(place.paths.summary.read_text())["warnings"]
    (told,) = [str(warning) for warning in warnings if "`--fresh`" in warning]
    return told


def test_fresh_resumes_what_it_began_and_says_how_to_start_over(place: Place) -> None:
    changed(place)
    stop_midway(place, fresh=True)
    place.keep(copy := place.folder.with_name("stopped"))
    place.run(fresh=True)
    assert min(place.leased) > 0
    assert told_of_fresh(place) == (
        "resuming what an earlier `--fresh` began; to start over instead, remove "
        f"{place.paths.part} first"
    )
    place.restore(copy)
    place.paths.part.unlink()
    place.run(fresh=True)
    assert min(place.leased) == 0


@pytest.mark.parametrize("why", ["damage", "other options", "another list"])
def test_fresh_starts_over_what_it_cannot_resume(place: Place, why: str) -> None:
    changed(place)
    stop_midway(place, fresh=True)
    if why != "other options":
        damaged = place.paths.part if why == "damage" else place.paths.inputs
        with damaged.open("r+b") as file:
            file.write(b"damage")
    command: dict[str, Any] = {"top": 3} if why == "other options" else {}
    with pytest.raises(RefusedError, match=r"start over with\s+`--fresh`"):
        place.run(**command)
    place.run(fresh=True, **command)
    assert min(place.leased) == 0
    assert "cannot be resumed; starting over" in told_of_fresh(place)
