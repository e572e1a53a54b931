"""Shards: runs of a part of the images each, which merged are the run of one machine."""

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from batchcls.errors import RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.job.shard import part_of
from batchcls.results.merge import merge
from batchcls.results.record import parse
from batchcls.results.storage import PosixStorage
from batchcls.results.verify import verify
from tests.support.instant_run import Place
from tests.support.tree import ROOT

pytestmark = pytest.mark.runs

COUNT = 50


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work")
    place.add(0, COUNT)
    return place


def output(place: Place, number: int) -> str:
    return str(place.folder / f"shard-{number}.jsonl")


def indices(path: str) -> list[int]:
    return [parse(line).index for line in Path(path).read_bytes().splitlines()]


@pytest.mark.parametrize("count", [16, 17, 50, 1000, 10_000_001])
def test_parts_cover_the_list_and_are_alike(count: int) -> None:
    parts = [part_of(f"{number}/16", count) for number in range(1, 17)]
    assert parts[0].start == 0
    assert parts[-1].stop == count
    assert all(a.stop == b.start for a, b in pairwise(parts))
    assert {len(part) for part in parts} <= {count // 16, count // 16 + 1}


@pytest.mark.runs
def test_sixteen_shards_merged_are_the_bytes_of_one_run(place: Place) -> None:
    place.run()
    whole = place.paths.results.read_bytes()
    results = []
    for number in range(1, 17):
        part = part_of(f"{number}/16", COUNT)
        found = place.run(shard=f"{number}/16", output=output(place, number))
        assert found.images == len(part)
        assert place.leased == list(part) == indices(output(place, number))
        results.append(found)
    assert sum(found.failed for found in results) == whole.count(b"truncated")
    merged = str(place.folder / "merged.jsonl")
    merge(merged, [output(place, number) for number in range(1, 17)], PosixStorage())
    assert Path(merged).read_bytes() == whole

    # They are the run of one machine from now on.
    again = place.run(output=merged)
    assert (again.images, again.resumed, list(place.leased)) == (COUNT, COUNT, [])
    place.add(COUNT, COUNT + 2)
    assert place.run(output=merged, extend=True).images == COUNT + 2
    place.run(extend=True)
    assert Path(merged).read_bytes() == place.paths.results.read_bytes()
    (place.folder / "images" / "003.jpg").write_text("cat")
    place.run(output=merged, retry_failed=True)
    place.run(retry_failed=True)
    assert Path(merged).read_bytes() == place.paths.results.read_bytes()


def test_shards_of_containers_are_merged_with_their_places(place: Place) -> None:
    place.pack("b.tar", 50, 70)
    place.run()
    results = [output(place, number) for number in (1, 2, 3)]
    for number, name in enumerate(results, 1):
        place.run(shard=f"{number}/3", output=name)
    merged = str(place.folder / "merged.jsonl")
    merge(merged, results, PosixStorage())
    assert Path(merged).read_bytes() == place.paths.results.read_bytes()
    (place.folder / "images" / "003.jpg").write_text("cat")
    failed = place.run(output=merged, retry_failed=True).failed
    assert failed == place.run(retry_failed=True).failed > 1
    assert Path(merged).read_bytes() == place.paths.results.read_bytes()


def test_further_passes_have_no_lines(place: Place) -> None:
    assert place.run(shard="2/3", number_iter=3).images == 17
    assert indices(place.job.output) == list(range(16, 33))
    assert sorted(place.leased) == list(range(16, 16 + 3 * 17))


def test_a_complete_shard_has_nothing_to_do(place: Place) -> None:
    place.run(shard="2/3")
    found = place.run(shard="2/3")
    assert (found.images, found.resumed, list(place.leased)) == (17, 17, [])
    assert verify(place.paths.results, PosixStorage()).complete


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("2/3", "3/3", "was made of shard 2/3, and this is shard 3/3"),
        ("2/3", None, "was made of shard 2/3, and this is all images"),
        (None, "1/1", "was made of all images, and this is shard 1/1"),
    ],
)
def test_another_shard_needs_another_output(
    place: Place, before: str | None, now: str | None, words: str
) -> None:
    place.run(shard=before)
    with pytest.raises(RefusedError, match=words):
        place.run(shard=now)
    place.run(shard=now, fresh=True)
    assert indices(place.job.output) == list(part_of(now, COUNT))


def test_more_shards_than_images_are_refused(place: Place) -> None:
    with pytest.raises(UsageError, match="only 50 images; use fewer shards"):
        place.run(shard="2/51")
    assert not place.paths.directory.exists()


@pytest.mark.parametrize(
    ("shard", "words"),
    [
        ("0/3", "expected I/N, for example 2/16"),
        ("2", "expected I/N"),
        ("4/3", "must not exceed"),
    ],
)
def test_shards_that_make_no_sense(shard: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"--shard .*{words}"):
        Job(sources=("x",), shard=shard).check()


def test_a_shard_is_not_extended() -> None:
    with pytest.raises(UsageError, match=r"--extend and --shard: .* merge the shards"):
        Job(sources=("x",), shard="1/2", extend=True).check()


# ---- the recipes in jobs/, with real runs and a stand-in for the engine

SHARDS = 3


@pytest.fixture
def night(tmp_path: Path, model: Path) -> dict[str, str]:
    """A folder with images, a job file, and the commands of a cluster; the environment for it."""
    import cv2
    import numpy as np

    (tmp_path / "images").mkdir()
    for number in range(10):
        picture = np.full((20, 20, 3), 25 * number, np.uint8)
        assert cv2.imwrite(str(tmp_path / f"images/{number}.png"), picture)
    (tmp_path / "images/bad.png").write_bytes(b"no image")
    (tmp_path / "night.toml").write_text(f'sources = ["images"]\nmodel = "{model}"\nworkers = 1\n')
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in {
        "batchcls": f'exec {sys.executable} -P -m batchcls "$@"',
        "srun": 'exec "$@"',
        "scontrol": 'echo "$@" >> requeued',
        # One task after another; the tasks in DOWN are lost with their node.
        "sbatch": """
            list=${1#--array=}; shift
            echo "$list" >> submitted
            for task in ${list//,/ }; do
                case " $DOWN " in *" $task "*) continue ;; esac
                SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=7$task bash "$@" || echo "$task: $?" >> ended
            done
        """,
    }.items():
        (commands / name).write_text(f"#!/bin/bash\n{text}\n")
        (commands / name).chmod(0o755)
    path = f"{commands}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PWD": str(tmp_path)}


def bash(env: Mapping[str, str], *command: str, **more: str) -> str:
    done = subprocess.run(
        ["bash", *command], cwd=env["PWD"], env={**env, **more}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def of_one_machine(env: Mapping[str, str]) -> bytes:
    bash(env, "-c", "batchcls run night.toml --output one.jsonl --progress none")
    return (Path(env["PWD"]) / "one.jsonl").read_bytes()


@pytest.mark.runs
def test_the_slurm_recipe_submits_what_is_missing_and_then_merges(night: dict[str, str]) -> None:
    here = Path(night["PWD"])
    recipe = (str(ROOT / "jobs/slurm-array.sh"), str(SHARDS), "all.jsonl", "night.toml")
    bash(night, *recipe, DOWN="1 3")
    assert not (here / "all.jsonl").exists()
    bash(night, *recipe, DOWN="3")
    bash(night, *recipe, DOWN="")
    assert (here / "submitted").read_text() == "1,2,3\n1,3\n3\n"
    assert not (here / "ended").exists()
    told = bash(night, *recipe)
    assert told.splitlines()[-1] == "all.jsonl: 11 lines of 3 shards, 1 image failed"
    assert (here / "submitted").read_text().count("\n") == SHARDS
    assert (here / "all.jsonl").read_bytes() == of_one_machine(night)


@pytest.mark.runs
def test_the_kubernetes_recipe_labels_each_part_once(night: dict[str, str]) -> None:
    here = Path(night["PWD"])
    job = yaml.safe_load((ROOT / "jobs/indexed-job.yaml").read_text())["spec"]
    shards = job["completions"]
    (container,) = job["template"]["spec"]["containers"]
    (script,) = container["args"]
    assert f"/{shards}" in script
    # Where the cluster's volumes would be, are the folders of this test, and fewer shards.
    model = (here / "night.toml").read_text().split('model = "')[1].split('"')[0]
    for there, mine in (
        ("/photos", "images"), ("/models/model.xml", model), ("/results/", ""),
        (f"/{shards}", f"/{SHARDS}"),
    ):  # fmt: skip
        assert script.count(there) == 1
        script = script.replace(there, mine)
    for index in range(SHARDS):
        bash(night, *container["command"][1:], script, JOB_COMPLETION_INDEX=str(index))
    names = " ".join(f"results.jsonl.{number}" for number in range(1, SHARDS + 1))
    bash(night, "-c", f"batchcls merge all.jsonl {names}")
    assert (here / "all.jsonl").read_bytes() == of_one_machine(night)


def test_a_job_of_kubernetes_is_not_tried_again_for_what_cannot_change() -> None:
    job = yaml.safe_load((ROOT / "jobs/indexed-job.yaml").read_text())["spec"]
    (container,) = job["template"]["spec"]["containers"]
    rules = [rule for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert {rule["onExitCodes"]["containerName"] for rule in rules} == {container["name"]}
    actions = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules}
    assert actions == {"FailJob": [2], "FailIndex": [3]}
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # what these rules need
