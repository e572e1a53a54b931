"""Ten million lines: the coordinator's memory stays flat, and going on takes less than a minute.

Run as a program with a folder and "run" or "resume", it is that coordinator, and prints its cost.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from batchcls.backends.backend import Backend
from batchcls.coordinator.coordinator import Coordinator
from batchcls.coordinator.policy import Policy
from batchcls.display.progress.progress import Progress
from batchcls.images import ImageRef
from batchcls.job.job import Job
from batchcls.results import record
from batchcls.results.journal import Journal
from batchcls.results.rundir import RunPaths, make_directory
from batchcls.results.storage import PosixStorage
from batchcls.running.listed_work import ListedWork
from batchcls.running.loop import EventLoop
from batchcls.running.presenter import Presenter
from batchcls.running.recorder import JournalLines
from batchcls.sources.inputs import InputsReader
from tests.support.instant_backend import RUN, InstantBackend, line_of
from tests.support.processes import peak_mb
from tests.support.tree import ROOT

pytestmark = pytest.mark.runs

COUNT = 10_000_000


def path_of(index: int) -> str:
    return f"d{index >> 12:04}/image_{index:08}.jpg"


def work(folder: Path, stop_at: int) -> dict[str, float]:
    """Go on with the results as far as `stop_at`; what it cost."""
    paths, storage = RunPaths.of(folder / "results.jsonl"), PosixStorage()
    began = time.monotonic()
    make_directory(paths, storage)
    journal = Journal.open(paths, storage, COUNT, RUN)
    listed = ListedWork(InputsReader(folder / "inputs", "/"), range(COUNT), journal.count)
    ready = time.monotonic() - began
    first = journal.count
    backend = InstantBackend(stop_at)
    coordinator = Coordinator(2, record.failure_answer, Policy())
    for command in coordinator.start():
        backend.do(command)
    coordinator.begin(listed, first)
    presenter = Presenter(Job(progress="none"), paths, Progress(started=began, workers=2))
    loop = EventLoop(coordinator, cast(Backend, backend), presenter, backend.requests)
    loop.work(JournalLines(journal, COUNT))
    journal.commit()
    done = journal.count
    if coordinator.complete:
        journal.finish()
    else:
        journal.close()
    listed.close()
    return {
        "ready_s": ready, "first": first, "done": done,
        "per_s": (done - first) / (time.monotonic() - began - ready),
        "mb": peak_mb(),
    }  # fmt: skip


def paths_in_order() -> Iterator[bytes]:
    for start in range(0, COUNT, 10_000):
        yield b"".join(path_of(i).encode() + b"\0" for i in range(start, start + 10_000))


def cost_of(folder: Path, stop_at: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.running.test_ten_million", str(folder), str(stop_at)],
        check=True, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_ten_million_lines(tmp_path: Path) -> None:
    with (tmp_path / "inputs").open("wb") as file:
        file.writelines(paths_in_order())
    # The first and the last stretch are worked for; what lies between is put there.
    start = cost_of(tmp_path, 200_000)
    paths = RunPaths.of(tmp_path / "results.jsonl")
    put_lines(paths, int(start["done"]), 9_000_000)
    end = cost_of(tmp_path, 9_300_000)
    print(start, end)
    assert end["first"] == 9_000_000
    assert end["done"] >= 9_300_000
    assert end["ready_s"] < 60
    assert end["mb"] < 200
    assert end["mb"] < start["mb"] + 8


def put_lines(paths: RunPaths, first: int, end: int) -> None:
    """Lines as a run would have written them, with their mark."""
    import zlib
    from dataclasses import replace

    from batchcls.results import mark as marks

    found = marks.read(PosixStorage(), paths.commit)
    assert found is not None
    size, crc32 = found[0].size, found[0].crc32
    template = line_of(ImageRef(0, path_of(0))).decode() + "\n"
    template = template.replace('"i":0', '"i":%d').replace(path_of(0), "d%04d/image_%08d.jpg")
    with paths.part.open("r+b") as file:
        file.seek(size)
        for start in range(first, end, 50_000):
            stop = min(start + 50_000, end)
            data = "".join(template % (i, i >> 12, i) for i in range(start, stop)).encode()
            file.write(data)
            size, crc32 = size + len(data), zlib.crc32(data, crc32)
    mark = replace(found[0], size=size, count=end, crc32=crc32, seq=found[0].seq + 1)
    paths.commit.write_bytes(mark.to_slot())


if __name__ == "__main__":
    print(json.dumps(work(Path(sys.argv[1]), int(sys.argv[2]))))
