"""Features that a run has kept, in place of pictures: the bytes of the whole run, or a refusal."""

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.errors import BatchclsError, RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.model.compile.load import load
from batchcls.model.devices.core import open_core
from batchcls.model.export import write
from batchcls.model.files.backbone import backbone
from batchcls.model.files.find import model_hash
from batchcls.model.graph.new_head import with_head
from batchcls.results.rundir import RunPaths
from batchcls.running.run import run
from tests.support.layered_net import INFO, WIDTH, layered
from tests.support.program import Program
from tests.support.tiny_models import save

pytestmark = pytest.mark.runs


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A model, and two that were taught on its features."""
    folder = tmp_path_factory.mktemp("taught")
    old = save(layered(), folder / "old.xml", {**INFO, "labels": "red green blue"})
    of = backbone(model_hash(old), "pooled", None)
    return {"old": old} | {
        name: taught(old, folder / f"{name}.xml", of, seed)
        for seed, name in enumerate(("mine", "better"))
    }


def taught(old: Path, path: Path, of: str, seed: int) -> Path:
    """What `teach` writes, by its own code, with a layer of chance."""
    job = Job(sources=("-",), model=str(old))
    chance = np.random.default_rng(seed)
    weights = chance.standard_normal((5, WIDTH)).astype(np.float32)
    bias = chance.standard_normal(5).astype(np.float32)
    made = with_head(load(job, open_core(job)), weights, bias, tuple("abcde"))
    made.model.set_rt_info(json.dumps({"backbone": of}), ["batchcls", "taught"])
    return write(made, made.model, path)


@pytest.fixture
def keeping(job: Job, models: Mapping[str, Path], images: Path) -> Job:
    """A complete run that has kept features; one of its images has none."""
    (images / "bad.png").write_bytes(b"no image")
    kept = replace(job, model=str(models["old"]), plugin=(), with_facts=("embedding",))
    assert run(kept).failed
    return kept


def by_rows(keeping: Job, model: Path, **more: Any) -> Job:
    rows = str(RunPaths.of(keeping.output).embeddings)
    return replace(
        keeping, model=str(model), with_facts=("margin",), embeddings=rows,
        output=keeping.output.replace("results", "rows"), **more,
    )  # fmt: skip


def whole(asked: Job) -> bytes:
    """What a run gives that looks at pictures."""
    looking = replace(asked, embeddings=None, fresh=True, output=asked.output + ".whole.jsonl")
    return run(looking).results.read_bytes()


def test_the_bytes_are_those_of_a_whole_run(keeping: Job, models: Mapping[str, Path]) -> None:
    asked = by_rows(keeping, models["mine"])
    done = run(asked)
    assert done.results.read_bytes() == whole(asked)
    assert done.failed
    again = replace(asked, embeddings=None)
    assert run(again).results.read_bytes() == done.results.read_bytes(), "it is complete"


def test_rows_of_a_taught_model_are_those_of_its_backbone(
    keeping: Job, models: Mapping[str, Path]
) -> None:
    of_mine = replace(keeping, model=str(models["mine"]), output=keeping.output + "2.jsonl")
    run(of_mine)
    asked = by_rows(of_mine, models["better"])
    assert run(asked).results.read_bytes() == whole(asked)


def test_results_are_replaced_again_and_again_from_the_same_rows(
    keeping: Job, models: Mapping[str, Path]
) -> None:
    for name in ("mine", "better"):
        asked = replace(by_rows(keeping, models[name]), output=keeping.output, fresh=True)
        assert run(asked).results.read_bytes() == whole(asked)
    plain = replace(asked, embeddings=None)
    run(plain)
    with pytest.raises(RefusedError, match="no features of a complete run"):
        run(asked)


def test_a_killed_run_goes_on(keeping: Job, models: Mapping[str, Path], images: Path) -> None:
    for number in range(3000):
        (images / f"z{number:04}.png").hardlink_to(images / "a/01-green.png")
    run(replace(keeping, fresh=True))
    asked, killed = by_rows(keeping, models["mine"]), 0
    options = ("--embeddings", str(asked.embeddings), "--with", "margin")
    for _ in range(5):
        program = Program(images, models["mine"], Path(asked.output), options=options)
        part = RunPaths.of(asked.output).part
        while program.process.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.001)
        program.process.kill()
        code, _, err = program.end()
        assert code in (0, -signal.SIGKILL), err
        killed += code != 0
    assert killed
    assert run(asked).results.read_bytes() == whole(asked)


def other_images(asked: Job, images: Path) -> Job:
    (images / "new.png").write_bytes((images / "a/01-green.png").read_bytes())
    return asked


def changed_image(asked: Job, images: Path) -> Job:
    for path in images.rglob("*-*.png"):
        path.write_bytes(path.read_bytes() + b" ")
    return asked


def unfinished(asked: Job, images: Path) -> Job:
    paths = RunPaths.of(str(asked.embeddings).replace(".npy", ".jsonl"))
    paths.results.rename(paths.part)
    return asked


def moved_alone(asked: Job, images: Path) -> Job:
    file = images.parent / "alone.npy"
    file.write_bytes(Path(str(asked.embeddings)).read_bytes())
    return replace(asked, embeddings=str(file))


def torn(asked: Job, images: Path) -> Job:
    rows = np.load(str(asked.embeddings))
    rows[0] = np.nan
    np.save(str(asked.embeddings), rows)
    return asked


def foreign(asked: Job, images: Path) -> Job:
    model = taught(
        Path(str(asked.model)).with_name("old.xml"), images.parent / "foreign.xml", "another", 3
    )
    return replace(asked, model=str(model))


def untaught(asked: Job, images: Path) -> Job:
    return replace(asked, model=str(Path(str(asked.model)).with_name("old.xml")))


REFUSED: Mapping[str, tuple[Callable[[Job, Path], Job], str]] = {
    "another list": (other_images, "another list of images"),
    "a changed image": (changed_image, "png has changed since"),
    "not complete": (unfinished, "is not complete"),
    "no results beside it": (moved_alone, "no results of a run lie beside it"),
    "rows and lines apart": (torn, "do not belong together at image 0"),
    "another backbone": (foreign, "features of another model"),
    "no taught model": (untaught, "a model that `batchcls teach` wrote"),
    "other preprocessing": (lambda j, _: replace(j, interpolation="nearest"), "interpolation"),
    "raw files": (lambda j, _: replace(j, raw=True), "decode.raw"),
    "another precision": (lambda j, _: replace(j, infer_precision="bf16"), "computed in f32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_give_other_bytes_is_refused(
    case: str, keeping: Job, models: Mapping[str, Path], images: Path
) -> None:
    change, words = REFUSED[case]
    asked = change(by_rows(keeping, models["mine"]), images)
    with pytest.raises(BatchclsError, match=words):
        run(asked)
    assert not RunPaths.of(asked.output).results.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"with_facts": ("width",)}, "no picture is looked at"),
        ({"with_facts": ("embedding",)}, "no picture is looked at"),
        ({"cluster": ("ray",)}, "--embeddings and --cluster"),
        ({"fast": True}, "--embeddings and --fast"),
        ({"extend": True}, "--embeddings and --extend"),
        ({"number_iter": 2}, "--embeddings and --number-iter"),
        ({"decode": "reduced"}, "--embeddings and --decode reduced"),
    ],
)
def test_options_that_need_pictures_are_refused(more: dict[str, Any], words: str) -> None:
    job = Job(sources=("x",), model="m.xml", embeddings="r.npy")
    with pytest.raises(UsageError, match=words):
        replace(job, **more).check()
