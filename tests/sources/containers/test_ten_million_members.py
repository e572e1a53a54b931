"""Ten million members in a thousand tars: flat memory, and the nine-millionth at once.

Run as a program with a folder and "freeze" or "resume", it is that coordinator; it prints its cost.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from batchcls.backends.listing import ListingProcess
from batchcls.images import Member
from batchcls.job.job import Job
from batchcls.results import manifest as manifests
from batchcls.results.manifest import Manifest
from batchcls.results.storage import PosixStorage
from batchcls.sources.every import EveryPlace
from batchcls.sources.freezing import freeze
from batchcls.sources.inputs import InputsReader
from tests.support.archives import pack
from tests.support.processes import peak_mb
from tests.support.tree import ROOT

TARS, EACH = 1000, 10_000
COUNT = TARS * EACH
AT = COUNT * 9 // 10


def freeze_all(folder: Path) -> dict[str, float]:
    began = time.monotonic()
    lister = partial(ListingProcess, log=folder / "job" / "log")
    job = Job(sources=(str(folder / "tars"),))
    found = freeze(job, folder / "job" / "inputs", open_lister=lister)
    assert found.count == COUNT
    manifest = Manifest(found.as_dict(), {})
    manifests.save(PosixStorage(), folder / "job" / "manifest.json", manifest)
    return {"seconds": time.monotonic() - began, "mb": peak_mb()}


def resume(folder: Path) -> dict[str, float]:
    began = time.monotonic()
    inputs = folder / "job" / "inputs"
    manifest = manifests.load(PosixStorage(), folder / "job" / "manifest.json")
    assert manifest is not None
    manifests.require_inputs(PosixStorage(), inputs, manifest)
    with closing(InputsReader(inputs, manifest.root, members=manifest.members)) as reader:
        reader.seek(AT)
        (image,) = reader.chunk(1)
    seconds = time.monotonic() - began
    assert isinstance(image.place, Member)
    assert EveryPlace().read(image) == f"{AT % EACH}".encode()
    return {"seconds": seconds, "mb": peak_mb()}


def cost_of(folder: Path, what: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sources.containers.test_ten_million_members", folder, what],
        check=True, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.faults
@pytest.mark.runs
@pytest.mark.timeout(3600)
def test_ten_million_members_of_a_thousand_tars(tmp_path: Path) -> None:
    (tmp_path / "tars").mkdir()
    (tmp_path / "job").mkdir()
    first = tmp_path / "tars/0000.tar"
    pack(first, {f"n{n % 100:08}/{n:08}_photo.JPEG": f"{n}".encode() for n in range(EACH)})
    for number in range(1, TARS):
        os.link(first, tmp_path / f"tars/{number:04}.tar")
    frozen, resumed = cost_of(tmp_path, "freeze"), cost_of(tmp_path, "resume")
    print(frozen, resumed)
    assert frozen["mb"] < 200
    assert resumed["mb"] < 200
    assert resumed["seconds"] < 5


if __name__ == "__main__":
    print(json.dumps({"freeze": freeze_all, "resume": resume}[sys.argv[2]](Path(sys.argv[1]))))
