"""A job's shards become the file of one machine, or are refused by name, wherever it is stopped."""

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import RefusedError, UsageError
from batchcls.results import echoes, generation
from batchcls.results import manifest as manifests
from batchcls.results.echoes import Echo
from batchcls.results.journal import Journal
from batchcls.results.merge import Merged, merge
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage, Storage
from batchcls.results.verify import verify
from tests.support.disk import SimDisk
from tests.support.numbered import Crash, End, Numbered, as_it_is, crash, ends_of
from tests.support.story import Story, as_file, lines

COUNT = 30
PARTS = 4
WHOLE = as_file(lines(COUNT))
FAILED = sum(k % 7 == 3 for k in range(COUNT))


def shard(folder: Path, number: int) -> RunPaths:
    return RunPaths.of(folder / f"shard-{number}.jsonl")


def names_in(folder: Path) -> list[str]:
    """Out of order: their order says nothing."""
    return [str(shard(folder, number).results) for number in range(PARTS, 0, -1)]


def write(folder: Path, storage: Storage, number: int, count: int = COUNT, of: int = PARTS) -> None:
    assert Story(shard(folder, number), storage, count, shard=f"{number}/{of}").session()


def write_all(folder: Path, storage: Storage) -> None:
    for number in range(1, PARTS + 1):
        write(folder, storage, number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_all(tmp_path, PosixStorage())
    return tmp_path


def merged(folder: Path, names: list[str] | None = None, **options: Any) -> Merged:
    return merge(str(folder / "all.jsonl"), names or names_in(folder), PosixStorage(), **options)


def change(folder: Path, number: int, **changes: Any) -> None:
    """Other facts in the manifest of a shard."""
    path, storage = shard(folder, number).manifest, PosixStorage()
    found = manifests.load(storage, path)
    assert found is not None
    manifests.save(storage, path, replace(found, **changes))


def hear(folder: Path, number: int, *heard: Echo) -> None:
    settings = {"shard": f"{number}/{PARTS}", echoes.KEY: [echo.as_dict() for echo in heard]}
    change(folder, number, settings=settings)


@contextlib.contextmanager
def refused(folder: Path, *words: str) -> Iterator[None]:
    """Refused, for this reason; and nothing was written."""
    before = sorted(folder.iterdir())
    with pytest.raises(RefusedError) as caught:
        yield
    for word in words:
        assert word in str(caught.value)
    assert sorted(folder.iterdir()) == before


def test_the_bytes_are_those_of_one_machine(folder: Path) -> None:
    assert merged(folder) == Merged(COUNT, FAILED, merged(folder).notes)
    assert (folder / "all.jsonl").read_bytes() == WHOLE
    found = verify(folder / "all.jsonl", PosixStorage())
    assert found.complete
    assert (found.expected, sum(found.failed.values())) == (COUNT, FAILED)


def test_a_shard_is_a_run_of_its_own(folder: Path) -> None:
    found = verify(shard(folder, 2).results, PosixStorage())
    assert found.complete
    assert (found.lines, found.expected) == (8, 8)
    assert "shard 2/4: images 7 to 14 of 30" in found.notes
    part = shard(folder, 2).results.read_bytes()
    assert part == as_file(lines(COUNT)[7:15])


def test_a_line_behind_the_part_of_a_shard_is_wrong(folder: Path) -> None:
    path = shard(folder, 2).results
    path.write_bytes(path.read_bytes() + as_file(lines(COUNT)[15:16]))
    found = verify(path, PosixStorage())
    assert "another image" in str(found.problems[-1])


def test_merged_twice_is_merged_once(folder: Path) -> None:
    merged(folder)
    before = (folder / "all.jsonl").stat()
    merged(folder)
    assert (folder / "all.jsonl").stat().st_mtime_ns == before.st_mtime_ns


def test_merged_results_that_somebody_removed_are_merged_again(folder: Path) -> None:
    merged(folder)
    (folder / "all.jsonl").unlink()
    merged(folder)
    assert (folder / "all.jsonl").read_bytes() == WHOLE


def test_failed_images_of_a_shard_may_have_been_labelled_again(folder: Path) -> None:
    again = Story(shard(folder, 1), PosixStorage(), COUNT, shard=f"1/{PARTS}")
    assert not again.session_retry(until=3)
    with refused(folder, "shard-1.jsonl (shard 1/4)", "not complete"):
        merged(folder)
    assert again.session_retry()
    assert merged(folder).failed == FAILED - 1


def test_one_shard_of_one_is_a_whole(tmp_path: Path) -> None:
    write(tmp_path, PosixStorage(), 1, of=1)
    merged(tmp_path, [str(shard(tmp_path, 1).results)])
    manifest = manifests.load(PosixStorage(), RunPaths.of(tmp_path / "all.jsonl").manifest)
    assert manifest is not None
    assert manifest.shard is None
    assert (tmp_path / "all.jsonl").read_bytes() == WHOLE


def test_missing_and_incomplete_shards_are_named(folder: Path, tmp_path: Path) -> None:
    with refused(folder, "shards 2, 4 of 4 are not named"):
        merged(folder, [str(shard(folder, n).results) for n in (3, 1)])
    # Stopped before its last step, on the way (and the part is lost), and before its first line.
    shard(folder, 2).results.rename(shard(folder, 2).part)
    shutil.rmtree(shard(folder, 3).directory)
    shard(folder, 3).results.unlink()
    Story(shard(folder, 3), PosixStorage(), COUNT, shard="3/4").session(until=3)
    shard(folder, 3).part.unlink()
    shard(folder, 4).results.unlink()
    shard(folder, 4).commit.unlink()
    with refused(folder, *(f"shard-{number}.jsonl (shard {number}/4)" for number in (2, 3, 4))):
        merged(folder)
    with refused(folder, "nowhere.jsonl (no batchcls run found there)", "shard-3.jsonl"):
        merged(folder, [str(folder / "nowhere.jsonl"), *names_in(folder)])


def test_what_overlaps_is_named(folder: Path) -> None:
    names = names_in(folder)
    with refused(folder, "are both shard 4/4"):
        merged(folder, [*names, names[0]])
    write(folder, PosixStorage(), 5, of=6)
    with refused(folder, "shard-5.jsonl is shard 5/6", "overlap"):
        merged(folder, [*names, str(shard(folder, 5).results)])


def test_a_run_of_all_images_is_no_shard(folder: Path) -> None:
    assert Story(RunPaths.of(folder / "whole.jsonl"), PosixStorage(), COUNT).session()
    with refused(folder, "whole.jsonl was labelled without `--shard`"):
        merged(folder, [*names_in(folder), str(folder / "whole.jsonl")])


@pytest.mark.runs
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fingerprint": {"top": 3}}, ("other models, options or versions", "top: 1 and 3")),
        ({"inputs": {"root": "/else", "count": 30, "sha256": "0"}}, ("places", "/else")),
        ({"inputs": {"root": "/photos", "count": 30, "sha256": "0"}}, ("different lists",)),
        ({"inputs": {"root": "/photos", "count": 31, "sha256": "0"}}, ("30 and 31 images",)),
        ({"settings": {"shard": "3/4", "places": ["/else"]}}, ("places",)),
    ],
    ids=str,
)
def test_what_differs_is_named(folder: Path, changes: Any, words: tuple[str, ...]) -> None:
    change(folder, 3, **changes)
    with refused(folder, "shard-1.jsonl", "shard-3.jsonl", *words):
        merged(folder)


def test_processors_that_round_differently_are_named(folder: Path) -> None:
    one, other = Echo(0, "Xeon", {"CPU": "aa"}), Echo(15, "Epyc", {"CPU": "bb", "GPU": "cc"})
    for number in (1, 2, 4):
        hear(folder, number, replace(one, index=(number - 1) * COUNT // PARTS))
    hear(folder, 3, other)
    with refused(folder, "CPU", "shard-1.jsonl (Xeon)", "shard-3.jsonl (Epyc)", "aa and bb"):
        merged(folder)
    assert not merged(folder, mixed_processors=True).notes
    manifest = manifests.load(PosixStorage(), RunPaths.of(folder / "all.jsonl").manifest)
    assert manifest is not None
    assert [echo.index for echo in echoes.recorded(manifest.settings)] == [0, 15, 22]


def test_a_shard_that_went_on_elsewhere_is_named_too(folder: Path) -> None:
    for number in (1, 2, 3):
        hear(folder, number, Echo(0, "Xeon", {"CPU": "aa"}))
    hear(folder, 4, Echo(22, "Xeon", {"CPU": "aa"}), Echo(25, "Epyc", {"CPU": "bb"}))
    with refused(folder, "shard-4.jsonl (Epyc)"):
        merged(folder)


def test_a_shard_without_echo_is_told(folder: Path) -> None:
    for number in (1, 2, 3):
        hear(folder, number, Echo(0, "Xeon", {"CPU": "aa"}))
    assert [note for note in merged(folder).notes if "shard-4.jsonl: no echo" in note]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x\n")


@pytest.mark.parametrize("harm", [flip, lengthen])
def test_a_damaged_shard_is_named(folder: Path, harm: Callable[[Path], None]) -> None:
    harm(shard(folder, 3).results)
    with refused(folder, "shard-3.jsonl is damaged"):
        merged(folder)


def test_damage_that_hides_behind_its_time_is_found(folder: Path) -> None:
    path = shard(folder, 3).results
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with refused(folder, "shard-3.jsonl is damaged"):
        merged(folder)


def test_a_shard_of_another_length_is_named(folder: Path) -> None:
    for number in range(1, PARTS + 1):
        change(folder, number, inputs={"root": "/photos", "count": 31, "sha256": "0"})
    with refused(folder, "counts 7 lines, but shard 3/4 has 8 images"):
        merged(folder)


def test_a_damaged_list_is_named(folder: Path) -> None:
    flip(shard(folder, 1).inputs)
    with refused(folder, str(shard(folder, 1).inputs)):
        merged(folder)


def test_a_shard_that_changes_meanwhile_is_taken_back(folder: Path) -> None:
    """Between the check and the copying."""
    path, reads = shard(folder, 3).results, 0

    class Changing(PosixStorage):
        def open(self, name: Path, flags: int) -> int:
            nonlocal reads
            if name == path:
                reads += 1
                if reads == 2:
                    data = path.read_bytes()
                    path.write_bytes(data.replace(b"label 1", b"label 9"))
            return super().open(name, flags)

    before = path.read_bytes()
    with pytest.raises(RefusedError, match=r"shard-3\.jsonl was changed while"):
        merge(str(folder / "all.jsonl"), names_in(folder), Changing())
    assert (folder / "all.jsonl.part").read_bytes() == as_file(lines(15))
    path.write_bytes(before)
    merged(folder)
    assert (folder / "all.jsonl").read_bytes() == WHOLE


def test_what_is_there_already_stays(folder: Path) -> None:
    with pytest.raises(UsageError, match="is one of the shards"):
        merge(str(shard(folder, 2).results), names_in(folder), PosixStorage(), fresh=True)
    (folder / "all.jsonl").write_text("precious")
    for fresh in (False, True):
        with refused(folder, "exists and is not from this run"):
            merged(folder, fresh=fresh)
    assert (folder / "all.jsonl").read_text() == "precious"


def test_another_run_stays_unless_it_is_told_to_go(folder: Path) -> None:
    story = Story(RunPaths.of(folder / "all.jsonl"), PosixStorage(), COUNT)
    assert story.session()
    with refused(folder, "of another run", "start over with `--fresh`"):
        merged(folder)
    merged(folder, fresh=True)
    assert (folder / "all.jsonl").read_bytes() == WHOLE
    merged(folder)


DIRECTORY = Path("/jobs")
ALL = RunPaths.of(DIRECTORY / "all.jsonl")


def on(storage: Storage) -> None:
    merge(str(ALL.results), names_in(DIRECTORY), storage)


@pytest.fixture(scope="module")
def disk() -> SimDisk:
    disk = SimDisk(DIRECTORY)
    write_all(DIRECTORY, disk)
    return disk


@pytest.fixture(autouse=True)
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchcls.results.journal.MOST_PENDING", 300)
    monkeypatch.setattr("batchcls.results.merge.AT_ONCE", 3)


@pytest.mark.runs
@pytest.mark.parametrize("power", [False, True])
def test_the_same_command_completes_it_wherever_it_was_stopped(disk: SimDisk, power: bool) -> None:
    counted = Numbered(disk.after_kill(), as_it_is)
    on(counted)
    resumed = 0
    for at, how in ends_of(counted.names):
        after = disk.after_kill()
        with pytest.raises(Crash):
            on(Numbered(after, End(at, how, crash)))
        after = after.after_power_loss(random.Random(at)) if power else after.after_kill()
        final = after.stat(ALL.results)
        assert final is None or after.content(ALL.results) == WHOLE
        resumed += after.stat(ALL.part) is not None
        on(after)
        assert after.content(ALL.results) == WHOLE, (at, how)
        assert after.stat(ALL.part) is None
        assert after.listdir(ALL.directory) == ["commit", "inputs", "lock", "manifest.json"]
    assert resumed > 50


def test_a_run_resumes_what_a_merge_began(disk: SimDisk) -> None:
    """They are the same kind of results: what is there counts, whoever made it."""
    counted = Numbered(disk.after_kill(), as_it_is)
    on(counted)
    after = disk.after_kill()
    with pytest.raises(Crash):
        on(Numbered(after, End(len(counted.names) * 2 // 3, "before", crash)))
    after = after.after_kill()
    generation.recover(ALL, after)
    manifest = manifests.load(after, ALL.manifest)
    assert manifest is not None
    journal = Journal.open(ALL, after, manifest.count, manifest.run)
    assert 0 < journal.count < COUNT
    journal.append(journal.next, lines(COUNT)[journal.next :])
    journal.finish()
    assert after.content(ALL.results) == WHOLE
