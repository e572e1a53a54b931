"""Ten shards of a million lines each become one file: within a minute, in flat memory.

Run as a program with a folder, it is the merge, and prints its cost.
"""

import hashlib
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from batchcls.images import ImageRef, Prediction
from batchcls.job.shard import part_of
from batchcls.results import generation, record
from batchcls.results import mark as marks
from batchcls.results.manifest import SHARD_KEY, Manifest
from batchcls.results.mark import Mark
from batchcls.results.merge import merge
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from tests.support.processes import peak_mb
from tests.support.tree import ROOT

pytestmark = pytest.mark.runs

COUNT = 10_000_000
PARTS = 10
AT_ONCE = 50_000
PATH = "d%04d/image_%08d.jpg"
LINE = (
    record.ok_line(ImageRef(0, "PATH"), [Prediction(281, "tabby, tabby cat", 0.934211)])
    .decode()
    .replace('"i":0', '"i":%d')
    .replace("PATH", PATH)
    + "\n"
)


def cost_of(folder: Path) -> dict[str, float]:
    """The merge, here; what it cost."""
    began = time.monotonic()
    names = [str(folder / f"shard-{number}.jsonl") for number in range(1, PARTS + 1)]
    merged = merge(str(folder / "all.jsonl"), names, PosixStorage())
    return {"lines": merged.images, "s": time.monotonic() - began, "mb": peak_mb()}


def put_shards(folder: Path) -> str:
    """The shards as runs would have written them; the hash of all of their lines."""
    storage, listed = PosixStorage(), folder / "listed"
    digest, whole = hashlib.sha256(), hashlib.sha256()
    with listed.open("wb") as file:
        for start in range(0, COUNT, AT_ONCE):
            some = range(start, start + AT_ONCE)
            data = "".join(PATH % (i >> 12, i) + "\0" for i in some).encode()
            file.write(data)
            digest.update(data)
    inputs = {"root": "/photos", "count": COUNT, "sha256": digest.hexdigest()}
    for number in range(1, PARTS + 1):
        shard = f"{number}/{PARTS}"
        manifest = Manifest(inputs, {"top": 1}, settings={SHARD_KEY: shard})
        paths = RunPaths.of(folder / f"shard-{number}.jsonl")
        make_directory(paths, storage)
        generation.stage(paths, storage)
        paths.next_inputs.hardlink_to(listed)
        generation.begin(paths, storage, manifest)
        part, size, crc32 = part_of(shard, COUNT), 0, 0
        with paths.results.open("wb") as file:
            for start in range(part.start, part.stop, AT_ONCE):
                some = range(start, start + AT_ONCE)
                data = "".join(LINE % (i, i >> 12, i) for i in some).encode()
                file.write(data)
                whole.update(data)
                size, crc32 = size + len(data), zlib.crc32(data, crc32)
        marks.create(storage, paths.commit, manifest.run)
        mark = Mark(manifest.run, 9, size, len(part), crc32, "complete")
        paths.commit.write_bytes(mark.to_slot())
    return whole.hexdigest()


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_ten_shards_of_a_million_lines(tmp_path: Path) -> None:
    whole = put_shards(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.results.test_ten_million_merged", str(tmp_path)],
        check=True, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    cost = json.loads(done.stdout)
    print(cost)
    with (tmp_path / "all.jsonl").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == whole
    assert cost["lines"] == COUNT
    assert cost["s"] < 60
    assert cost["mb"] < 100


if __name__ == "__main__":
    print(json.dumps(cost_of(Path(sys.argv[1]))))
