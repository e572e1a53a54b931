"""Memory stays flat however long the list is: spilled runs, bit marks, chunked reading."""

import os
import random
import subprocess
import sys
from array import array
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import RefusedError
from batchcls.images import ImageRef
from batchcls.sources.duplicates import MASK, SeenHashes, normal, repeated
from batchcls.sources.inputs import InputsReader
from batchcls.sources.spill import SortedSpill
from tests.support.tree import ROOT


@pytest.mark.parametrize("run_bytes", [1, 400, 10_000, 1 << 20])
def test_spill_sorts_as_memory_does(tmp_path: Path, run_bytes: int) -> None:
    rng = random.Random(5)
    names = [rng.randbytes(rng.randrange(1, 20)).replace(b"\0", b"x") for _ in range(3000)]
    spill = SortedSpill(tmp_path, run_bytes)
    for name in names:
        spill.add(name)
    assert list(spill) == sorted(names)
    assert not list(tmp_path.iterdir())  # runs have no names
    spill.close()


def test_repeats_are_found_exactly(tmp_path: Path) -> None:
    rng = random.Random(6)
    paths = [b"/p/%d.jpg" % rng.randrange(3000) for _ in range(5000)]
    seen = SeenHashes()
    for path in paths:
        seen.add(path)
    marks = repeated(paths, seen.suspects(), tmp_path)
    kept = [path for at, path in enumerate(paths) if at not in marks]
    assert kept == list(dict.fromkeys(paths))
    assert marks.count == len(paths) - len(kept)


def test_a_collision_of_hashes_loses_no_path(tmp_path: Path) -> None:
    paths = [b"/a", b"/b", b"/a/b", b"/a", b"/c"]
    everything = array("Q", sorted({hash(path) & MASK for path in paths}))  # all are suspects
    marks = repeated(paths, everything, tmp_path)
    assert [at for at in range(len(paths)) if at in marks] == [3]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"a.jpg", b"/w/a.jpg"), (b"./a", b"/w/a"), (b"/x//y/./z", b"/x/y/z"),
        (b"x/../y", b"/w/x/../y"), (b".hidden/..a", b"/w/.hidden/..a"), (b"/", b"/"),
    ],
)  # fmt: skip
def test_normal_form(path: bytes, expected: bytes) -> None:
    assert normal(path, b"/w") == expected


def write_list(path: Path, count: int) -> None:
    with path.open("wb") as file:
        for start in range(0, count, 10_000):
            file.write(
                b"".join(
                    b"sub/image_%08d.jpg\0" % i for i in range(start, min(start + 10_000, count))
                )
            )


@pytest.mark.parametrize("count", [1, 10, 5000, 20_000])
def test_seek_goes_anywhere(tmp_path: Path, count: int) -> None:
    write_list(tmp_path / "inputs", count)
    reader = InputsReader(tmp_path / "inputs", "/r")
    for index in {0, 1, count // 2, 3448, 3449, count - 1}:
        if index < count:
            reader.seek(index)
            (image,) = reader.chunk(1)
            assert (image.index, image.path) == (index, f"sub/image_{index:08d}.jpg")
    reader.seek(count)
    assert reader.chunk(1) == ()
    with pytest.raises(RefusedError, match="fewer than"):
        reader.seek(count + 1)
    reader.close()


@pytest.mark.runs
@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 5000)), max_size=8))
def test_seek_goes_anywhere_from_anywhere(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "inputs-of-9000"
    if not path.exists():
        write_list(path, 9000)
    with closing(InputsReader(path, "/r")) as reader:
        for index, count in moves:
            reader.seek(index)
            found = reader.chunk(count)
            assert [image.index for image in found] == [*range(index, min(index + count, 9000))]
            assert all(image.path == f"sub/image_{image.index:08d}.jpg" for image in found)


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_chunks_join_to_the_list(tmp_path: Path, size: int) -> None:
    write_list(tmp_path / "inputs", 10_007)
    with closing(InputsReader(tmp_path / "inputs", "/r")) as reader:
        images: list[ImageRef] = []
        while chunk := reader.chunk(size):
            assert len(chunk) == min(size, 10_007 - len(images))
            images += chunk
    assert [image.path for image in images] == [f"sub/image_{i:08d}.jpg" for i in range(10_007)]


def test_a_torn_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inputs").write_bytes(b"a.jpg\0b.jp")
    with closing(InputsReader(tmp_path / "inputs", "/r")) as reader:
        assert reader.chunk(1)[0].path == "a.jpg"
        with pytest.raises(RefusedError, match="damaged"):
            reader.chunk(1)


PROGRAM = """
import os, sys
from contextlib import closing
from pathlib import Path
from batchcls.job.job import Job
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader
found = freeze(Job(sources=tuple(sys.argv[2:])), Path(sys.argv[1]) / "inputs")
with closing(InputsReader(Path(sys.argv[1]) / "inputs", found.root)) as reader:
    reader.seek(found.count * 9 // 10)
    rest = sum(1 for _ in reader)
assert rest == found.count - found.count * 9 // 10
for name in ("cv2", "numpy", "openvino"):
    assert name not in sys.modules, name
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024
print(found.count, found.duplicates, peak)
"""


def frozen_elsewhere(folder: Path, *sources: str) -> tuple[int, int, int]:
    """Count, duplicates and peak memory (MiB) of a process that freezes and reads these."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), *sources],
        check=True,
        stdout=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    count, duplicates, peak = map(int, done.stdout.split())
    return count, duplicates, peak


def write_text_list(path: Path, count: int) -> None:
    """Names in a random order; the first is there, as in any list that is taken."""
    first = path.parent / "photos/000000000/image_0.jpg"
    first.parent.mkdir(parents=True)
    first.touch()
    with path.open("w", buffering=1 << 20) as file:
        for i in range(count):
            file.write(f"photos/{i * 7919 % 10_000_019:09d}/image_{i}.jpg\n")


@pytest.mark.runs
def test_100_thousand_lines_with_repeats(tmp_path: Path) -> None:
    write_text_list(tmp_path / "list", 100_000)
    twice = f"@{tmp_path / 'list'}"
    count, duplicates, peak = frozen_elsewhere(tmp_path, twice, twice)
    assert (count, duplicates) == (100_000, 100_000)
    assert peak < 100


@pytest.mark.runs
def test_20_thousand_files_in_one_directory(tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for i in range(20_000):
        os.symlink("x", many / f"{i:06d}.jpg")
    job = tmp_path / "job"
    job.mkdir()
    count, _, peak = frozen_elsewhere(job, str(many))
    assert count == 20_000
    assert peak < 60


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_10_million_lines(tmp_path: Path) -> None:
    write_text_list(tmp_path / "list", 10_000_000)
    count, duplicates, peak = frozen_elsewhere(tmp_path, f"@{tmp_path / 'list'}")
    assert (count, duplicates) == (10_000_000, 0)
    assert peak < 200


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_million_files_in_one_directory(tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for i in range(1_000_000):
        os.symlink("x", many / f"{i:07d}.jpg")
    job = tmp_path / "job"
    job.mkdir()
    count, _, peak = frozen_elsewhere(job, str(many))
    assert count == 1_000_000
    assert peak < 100
