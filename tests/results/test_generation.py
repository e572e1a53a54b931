"""A generation begins whole or not at all, and never at the cost of results."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.errors import RefusedError
from batchcls.results import generation
from batchcls.results import manifest as manifests
from batchcls.results.journal import Journal
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from tests.support.disk import SimDisk
from tests.support.numbered import Crash, End, Numbered, as_it_is, crash, ends_of
from tests.support.story import Story, as_file, inputs, lines, manifest, paths_in

COUNT = 12
STORAGE = PosixStorage()
DIRECTORY = Path("/jobs")


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    paths = paths_in(tmp_path)
    make_directory(paths, STORAGE)
    return paths


def test_paths_stay_whatever_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = RunPaths.of("out/results.jsonl")
    monkeypatch.chdir("/")
    assert paths.part == tmp_path / "out" / "results.jsonl.part"
    assert paths.directory == tmp_path / "out" / "results.jsonl.job"


def test_results_of_nobody_we_know_are_not_overwritten(paths: RunPaths) -> None:
    for path in (paths.part, paths.results):
        path.write_bytes(b"precious")
        with pytest.raises(RefusedError, match=path.name):
            generation.begin(paths, STORAGE, manifest(COUNT))
        assert path.read_bytes() == b"precious"
        assert not paths.manifest.exists()
        path.unlink()


def test_what_an_interrupted_listing_left_is_removed(paths: RunPaths) -> None:
    generation.stage(paths, STORAGE)
    for name in ("inputs", "inputs.tmp", "spill-0", "manifest.json.tmp"):
        (paths.next / name).write_bytes(b"half")
    generation.recover(paths, STORAGE)
    assert not paths.next.exists()
    assert not paths.inputs.exists()


def test_a_copy_of_the_inputs_can_be_lengthened(paths: RunPaths) -> None:
    Story(paths, STORAGE, COUNT).session()
    generation.stage(paths, STORAGE, paths)
    assert paths.next_inputs.read_bytes() == inputs(COUNT)
    paths.next_inputs.write_bytes(inputs(COUNT + 3))
    assert paths.inputs.read_bytes() == inputs(COUNT)
    longer = replace(
        manifest(COUNT + 3, 2),
        carry="extend",
        replaces=generation.finished_file(paths, STORAGE),
    )
    generation.begin(paths, STORAGE, longer)
    assert paths.inputs.read_bytes() == inputs(COUNT + 3)
    assert manifests.load(STORAGE, paths.manifest) == longer
    assert not paths.next.exists()
    assert paths.results.read_bytes() == as_file(lines(COUNT)), "until the new ones are complete"
    journal = Journal.open(paths, STORAGE, COUNT + 3, "run-2", replaces=longer.replaces)
    journal.append(0, lines(COUNT + 3))
    journal.finish()
    assert paths.results.read_bytes() == as_file(lines(COUNT + 3))


def test_an_unfinished_part_goes_only_by_fresh(paths: RunPaths) -> None:
    Story(paths, STORAGE, COUNT).session(until=5)
    other = manifest(COUNT, 2)
    with pytest.raises(RefusedError, match="start over with `--fresh`"):
        generation.begin(paths, STORAGE, other)
    assert paths.part.read_bytes() == as_file(lines(5))
    generation.begin(paths, STORAGE, other, fresh=True)
    assert not paths.part.exists()
    assert not paths.commit.exists()
    journal = Journal.open(paths, STORAGE, COUNT, "run-2")
    assert journal.count == 0
    journal.close()


def test_fresh_forgets_a_damaged_next_generation(paths: RunPaths) -> None:
    generation.stage(paths, STORAGE)
    paths.next_manifest.write_bytes(b"junk")
    with pytest.raises(RefusedError, match="is damaged"):
        generation.recover(paths, STORAGE)
    generation.recover(paths, STORAGE, fresh=True)
    assert not paths.next.exists()


def test_fresh_over_everything_crashing_anywhere() -> None:
    """Old part, old inputs, old manifest: after any crash it is the old job or the new, whole."""
    paths = paths_in(DIRECTORY)
    start = SimDisk(DIRECTORY)
    Story(paths, start, COUNT).session(until=5)
    new = manifest(COUNT + 2, 2)

    def start_over(storage: Numbered | SimDisk) -> None:
        generation.recover(paths, storage)
        generation.stage(paths, storage)
        fd = storage.open(paths.next_inputs, 0o102)
        storage.pwrite(fd, inputs(COUNT + 2), 0)
        storage.fsync(fd)
        storage.close(fd)
        storage.fsync_dir(paths.next)
        generation.begin(paths, storage, new, fresh=True)

    counted = Numbered(start.after_kill(), as_it_is)
    start_over(counted)
    seen = set()
    for seed, (at, how) in enumerate(ends_of(counted.names) * 6):
        disk = start.after_kill()
        with pytest.raises(Crash):
            start_over(Numbered(disk, End(at, how, crash)))
        rng = random.Random(seed)
        disk = disk.after_kill() if rng.random() < 0.2 else disk.after_power_loss(rng)
        generation.recover(paths, disk)
        found = manifests.load(disk, paths.manifest)
        assert found is not None
        seen.add(found.generation)
        manifests.require_inputs(disk, paths.inputs, found)
        assert paths.next not in disk.names
        journal = Journal.open(paths, disk, found.count, found.run)
        assert journal.count == (5 if found.generation == 1 else 0)
        journal.close()
    assert seen == {1, 2}
