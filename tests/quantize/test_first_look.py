"""`--fast` with an INT8 model of the run's own: made, kept, checked, taken over by other runs."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.backends.question import answer_to
from batchcls.errors import BatchclsError
from batchcls.images import Folder, ImageRef
from batchcls.job.fast_plan import FOLDERS, INT8, FastPlan
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.results import manifest as manifests
from batchcls.results.merge import merge
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running import fast_trial
from batchcls.running.run import run
from batchcls.wire import leased
from batchcls.wire.start import StartMessage
from tests.support.colour_net import COLOURS, colour_net
from tests.support.machines import Machines

pytest.importorskip("nncf")
pytestmark = pytest.mark.runs


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """36 pictures of three colours, and the network that tells them apart."""
    folder, chance = tmp_path / "pictures", np.random.default_rng(2)
    folder.mkdir()
    for number in range(36):
        colour = [*COLOURS.values()][number % 3]
        pixels = np.clip(np.array(colour) + chance.integers(-30, 30, (20, 20, 3)), 0, 255)
        assert cv2.imwrite(str(folder / f"{number:02}.png"), pixels.astype(np.uint8))
    return Job(
        sources=(str(folder),),
        model=str(colour_net(tmp_path / "m.xml", normalised=True)),
        output=str(tmp_path / "results.jsonl"),
        progress="none",
        workers=1,
    )


def refs(job: Job) -> list[ImageRef]:
    folder = Path(job.sources[0])
    names = sorted(path.name for path in folder.iterdir())
    return [ImageRef(n, name, Folder(str(folder))) for n, name in enumerate(names)]


def made(job: Job, folder: Path, **bounds: float) -> dict[str, Any]:
    request = {"seconds": 60.0, "share": 1e9, "folder": str(folder)} | bounds
    request |= {"start": StartMessage(job, Threads()).to_json(), **leased.to_json(refs(job))}
    return answer_to(fast_trial.MAKES_INT8, request, folder / "log", lambda: None, 60.0)


Planned = Callable[[float], Job]


@pytest.fixture
def planned(job: Job, tmp_path: Path) -> Planned:
    """From a margin to a job whose INT8 model another run has."""
    other = replace(job, output=str(tmp_path / "other.jsonl"))
    run(other)
    paths, storage = RunPaths.of(other.output), PosixStorage()
    digest = made(job, paths.directory)["model"]

    def of(margin: float) -> Job:
        before = manifests.load(storage, paths.manifest)
        assert before is not None
        settings = {**before.settings, "fast": FastPlan(INT8, margin, model=digest).as_dict()}
        manifests.save(storage, paths.manifest, replace(before, settings=settings))
        return replace(job, fast=True, fast_plan=other.output)

    return of


def lines(job: Job, **other: Any) -> bytes:
    job = replace(job, **other)
    assert run(job).exit_code == 0
    return Path(job.output).read_bytes()


def test_a_run_takes_the_model_over_and_keeps_it(planned: Planned, tmp_path: Path) -> None:
    right = (tmp_path / "other.jsonl").read_bytes()
    job = planned(1e6)
    assert lines(job) == right, "each is looked at again"
    assert len([*RunPaths.of(job.output).directory.glob(f"{FOLDERS}*/model.bin")]) == 1
    first = lines(planned(0.0), output=job.output + "2", with_facts=("look",))
    assert first.count(b'"look":"first"') == first.count(b"\n") == 36
    one, two = (
        lines(planned(0.0), output=f"{job.output}-{workers}", workers=workers, batch_size=workers)
        for workers in (1, 2)
    )
    assert one == two != right, "INT8 rounds"


def test_merged_shards_have_the_model_and_go_on_with_it(planned: Planned, tmp_path: Path) -> None:
    job = planned(0.0)
    whole = lines(job)
    parts = [replace(job, output=f"{tmp_path}/part-{n}.jsonl", shard=f"{n}/2") for n in (1, 2)]
    for part in parts:
        lines(part)
    merged = str(tmp_path / "merged.jsonl")
    merge(merged, [part.output for part in parts], PosixStorage())
    assert Path(merged).read_bytes() == whole
    for part in parts:
        shutil.rmtree(RunPaths.of(part.output).directory)
    picture = Path(job.sources[0]) / "00.png"
    picture.with_name("new.png").write_bytes(picture.read_bytes())
    longer = lines(job, output=merged, fast_plan=None, extend=True)
    assert longer.startswith(whole)
    assert longer.count(b"\n") == 37


def test_shards_that_lost_the_model_can_be_merged(planned: Planned, tmp_path: Path) -> None:
    job = planned(0.0)
    parts = [replace(job, output=f"{tmp_path}/part-{n}.jsonl", shard=f"{n}/2") for n in (1, 2)]
    for part in parts:
        lines(part)
    names = [part.output for part in parts]
    for name in names:
        (model,) = RunPaths.of(name).directory.glob(f"{FOLDERS}*")
        shutil.rmtree(model)
        merge(f"{name}.merged", names, PosixStorage())
        has = [*RunPaths.of(f"{name}.merged").directory.glob(f"{FOLDERS}*/model.bin")]
        assert len(has) == (name == names[0]), "the other one has it still"


def test_a_plan_whose_model_is_gone_is_refused(planned: Planned, tmp_path: Path) -> None:
    job = planned(0.0)
    (model,) = RunPaths.of(f"{tmp_path}/other.jsonl").directory.glob(f"{FOLDERS}*")
    shutil.rmtree(model)
    with pytest.raises(BatchclsError, match=r"the INT8 model of its first look, .* is missing"):
        run(job)
    assert not RunPaths.of(job.output).directory.exists()


def test_a_model_that_is_gone_or_another_is_refused(planned: Planned) -> None:
    job = planned(0.0)
    lines(job)
    (model,) = RunPaths.of(job.output).directory.glob(f"{FOLDERS}*/model.bin")
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    (Path(job.sources[0]) / "new.png").write_bytes((Path(job.sources[0]) / "00.png").read_bytes())
    with pytest.raises(BatchclsError, match="is missing or was changed"):
        run(replace(job, extend=True))
    model.unlink()
    with pytest.raises(BatchclsError, match="is missing or was changed"):
        run(replace(job, extend=True))


def test_a_trial_looks_in_int8_too(job: Job, tmp_path: Path) -> None:
    start = StartMessage(replace(job, fast=True), Threads())
    plan = fast_trial.decide(start, refs(job), 10**9, 1, tmp_path / "log", lambda: None)
    assert plan.measured[INT8]["same"] == plan.measured[INT8]["tested"]
    kept = [*tmp_path.glob(f"{FOLDERS}*")]
    assert len(kept) == (plan.first == INT8), "what is not used is not left there"


def test_a_run_that_is_too_short_has_no_model(job: Job, tmp_path: Path) -> None:
    assert "too short" in made(job, tmp_path, share=10.0)["refused"]
    assert not [*tmp_path.glob(f"{FOLDERS}*")]


def test_what_cannot_be_quantised_says_why(job: Job, tmp_path: Path) -> None:
    found = made(replace(job, resize_type="embedded"), tmp_path)
    assert found["model"] == ""
    assert found["refused"]


def test_machines_of_a_cluster_get_the_model(planned: Planned, tmp_path: Path) -> None:
    job = planned(0.0)
    right = lines(job)
    options = ("--fast", "--fast-plan", str(job.fast_plan))
    output = tmp_path / "cluster.jsonl"
    machines = Machines(Path(job.sources[0]), Path(str(job.model)), output, options=options)
    code, _, said = machines.end()
    assert code == 0, said
    assert output.read_bytes() == right
