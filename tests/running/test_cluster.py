"""Whole runs on several machines, which are agents of this one."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.model import builtin
from tests.support import onnx_models
from tests.support.machines import Machines
from tests.support.processes import PATIENCE_S, children, gone_within
from tests.support.program import Program
from tests.support.tiny_models import flat_colour

pytestmark = pytest.mark.runs

COUNT = 600
ISOLATED = "unshare -rm sh -c 'mount -t tmpfs {} none {} && exec \"$@\"' sh"


def linked(folder: Path, count: int) -> Path:
    """So many images that take about a millisecond each, and one that is none."""
    chance = np.random.default_rng(1)
    for number in range(4):
        pixels = chance.integers(0, 255, (200, 300, 3), np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), pixels)
    (folder / "4.png").write_text("no image")
    for number in range(5, count):
        os.link(folder / f"{number % 4}.png", folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return linked(tmp_path_factory.mktemp("many"), COUNT)


@pytest.fixture(scope="module")
def whole(many: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one machine writes."""
    output = tmp_path_factory.mktemp("whole") / "results.jsonl"
    code, _, err = Program(many, model, output).end()
    assert code == 0, err
    return output.read_bytes()


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many that both machines are seen at work before one of them could do them all."""
    return linked(tmp_path_factory.mktemp("more"), 10 * COUNT)


@pytest.fixture(scope="module")
def whole_of_more(more: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("whole of more") / "results.jsonl"
    code, _, err = Program(more, model, output).end()
    assert code == 0, err
    return output.read_bytes()


def everything_of(machines: Machines) -> list[int]:
    """All processes below a run."""
    found, todo = [], [machines.process.pid]
    while todo:
        found += (below := children(todo.pop()))
        todo += below
    return found


def test_two_machines_give_the_bytes_of_one(
    many: Path, model: Path, tmp_path: Path, whole: bytes
) -> None:
    machines = Machines(many, model, tmp_path / "r.jsonl")
    code, _, err = machines.end()
    assert code == 0, err
    assert (tmp_path / "r.jsonl").read_bytes() == whole
    assert machines.log().count(" joined with 1 workers") == 2
    assert "Welcome to this cluster" in machines.log()


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM] * 2, [signal.SIGKILL]])
def test_however_it_is_stopped_nothing_is_left_and_it_resumes(
    many: Path, model: Path, tmp_path: Path, whole: bytes, numbers: list[signal.Signals]
) -> None:
    machines = Machines(many, model, tmp_path / "r.jsonl")
    machines.wait_for_work()
    processes = everything_of(machines)
    assert len(processes) >= 5, "a launcher, two agents, two workers"
    for number in numbers:
        machines.process.send_signal(number)
    code, _, err = machines.end()
    assert code == -numbers[0]
    assert gone_within(processes, 10)
    code, _, err = Program(many, model, tmp_path / "r.jsonl").end()
    assert code == 0, err
    assert (tmp_path / "r.jsonl").read_bytes() == whole


def test_images_decide_how_they_are_prepared_before_all_machines_are_told(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number, (red, green, blue) in enumerate(onnx_models.NAMED_COLOURS[:24]):
        picture = flat_colour((blue, green, red))
        assert cv2.imwrite(str(tmp_path / "images" / f"{number:02}.png"), picture)
    model = onnx_models.nearest_colour(tmp_path / "m.onnx")
    code, _, err = Program(tmp_path / "images", model, tmp_path / "here.jsonl").end()
    assert code == 0, err
    machines = Machines(tmp_path / "images", model, tmp_path / "there.jsonl")
    code, _, err = machines.end()
    assert code == 0, err
    assert (tmp_path / "there.jsonl").read_bytes() == (tmp_path / "here.jsonl").read_bytes()
    assert machines.log().count(" joined with ") >= 2, "once before, once after"


def wait_for_both(machines: Machines) -> None:
    """Until each of two machines is seen at work."""
    deadline = time.monotonic() + PATIENCE_S
    while not machines.running(2):
        assert time.monotonic() < deadline
        assert machines.process.poll() is None, machines.process.communicate()
        time.sleep(0.01)


def killed(machines: Machines) -> None:
    os.kill(machines.agents()[0], signal.SIGKILL)


def stopped(machines: Machines) -> None:
    os.kill(machines.agents()[0], signal.SIGSTOP)


def cut(machines: Machines) -> None:
    (launcher,) = children(machines.process.pid)
    os.kill(launcher, signal.SIGUSR1)


@pytest.mark.faults
@pytest.mark.parametrize("harm", [killed, stopped])
def test_what_a_lost_machine_held_is_done_by_the_others(
    more: Path, model: Path, tmp_path: Path, whole_of_more: bytes, harm: Callable[[Machines], None]
) -> None:
    machines = Machines(more, model, tmp_path / "r.jsonl")
    wait_for_both(machines)
    first, _ = machines.agents()
    workers = children(first)
    began = time.monotonic()
    harm(machines)
    try:
        code, _, err = machines.end(120)
    finally:
        if harm is stopped:
            os.kill(first, signal.SIGCONT)
    assert code == 0, err
    assert (tmp_path / "r.jsonl").read_bytes() == whole_of_more
    assert time.monotonic() - began < 60
    assert "(silent for 30 s)" in machines.log()
    assert gone_within([first, *workers], 40)


@pytest.mark.faults
def test_a_network_that_is_cut_stops_the_run_which_resumes(
    more: Path, model: Path, tmp_path: Path, whole_of_more: bytes
) -> None:
    machines = Machines(more, model, tmp_path / "r.jsonl")
    wait_for_both(machines)
    cut(machines)
    code, _, err = machines.end(400)
    assert code == 4
    assert "run the same command" in err
    code, _, err = Machines(more, model, tmp_path / "r.jsonl").end()
    assert code == 0, err
    assert (tmp_path / "r.jsonl").read_bytes() == whole_of_more


def fake_version(folder: Path) -> str:
    """What makes an agent believe that it has another OpenVINO."""
    (folder / "openvino-2020.1.dist-info").mkdir(parents=True)
    text = "Metadata-Version: 2.1\nName: openvino\nVersion: 2020.1\n"
    (folder / "openvino-2020.1.dist-info" / "METADATA").write_text(text)
    return f"env PYTHONPATH={folder}"


def left_out(machines: Machines, whole: bytes, reason: str) -> None:
    """The run is complete, without one of two machines."""
    code, _, err = machines.end()
    assert code == 0, err
    assert Path(machines.paths.results).read_bytes() == whole
    assert machines.log().count(" joined with ") <= 2
    assert " is left out: " in machines.log()
    assert reason in machines.log()


def test_another_version_is_left_out(many: Path, model: Path, tmp_path: Path, whole: bytes) -> None:
    prefixes = ("", fake_version(tmp_path / "fake"))
    machines = Machines(many, model, tmp_path / "r.jsonl", prefixes)
    left_out(machines, whole, "openvino is 2020.1 there")


def test_an_empty_mount_is_left_out(many: Path, model: Path, tmp_path: Path, whole: bytes) -> None:
    prefixes = (ISOLATED.format("", many), "")
    machines = Machines(many, model, tmp_path / "r.jsonl", prefixes)
    left_out(machines, whole, "is not there; mount the images under the same path")


def test_where_nobody_fits_the_run_is_refused_in_words(
    many: Path, model: Path, tmp_path: Path
) -> None:
    prefixes = (ISOLATED.format("", many), fake_version(tmp_path / "fake"))
    code, _, err = Machines(many, model, tmp_path / "r.jsonl", prefixes).end()
    assert code == 2
    assert "no machine can take part in this run" in err
    assert "mount the images under the same path" in err
    assert "openvino is 2020.1 there" in err
    assert not (tmp_path / "r.jsonl.part").exists()


def test_a_model_that_a_machine_does_not_see_is_sent_to_it(
    many: Path, model: Path, tmp_path: Path, whole: bytes
) -> None:
    away = tmp_path / "model"
    shutil.copytree(model.parent, away)
    cache = tmp_path / "cache"
    cache.mkdir()
    prefix = f"env XDG_CACHE_HOME={cache} {ISOLATED.format('', away)}"
    machines = Machines(many, away / model.name, tmp_path / "r.jsonl", (prefix, prefix))
    code, _, err = machines.end()
    assert code == 0, err
    assert (tmp_path / "r.jsonl").read_bytes() == whole
    (sent,) = (cache / "batchcls" / "sent").iterdir()
    assert sorted(path.name for path in sent.iterdir()) == sorted(
        path.name for path in away.iterdir() if path.stem == model.stem
    )


def test_classes_of_files_that_no_machine_sees_are_those_of_one(
    many: Path, model: Path, tmp_path: Path
) -> None:
    away, cache = tmp_path / "lists", tmp_path / "cache"
    for folder in (away, cache):
        folder.mkdir()
    (away / "some.txt").write_text("blue\nred\n")
    (away / "one.txt").write_text("red")
    options = ("--classes", f"{away}/some.txt", "--always", f"{away}/one.txt", "--with", "phash")
    code, _, err = Program(many, model, tmp_path / "alone.jsonl", options=options).end()
    assert code == 0, err
    prefix = f"env XDG_CACHE_HOME={cache} {ISOLATED.format('', away)}"
    machines = Machines(many, model, tmp_path / "r.jsonl", (prefix, prefix), options)
    code, _, err = machines.end()
    assert code == 0, err
    assert (tmp_path / "r.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()


def test_a_full_disk_is_left_out(many: Path, model: Path, tmp_path: Path, whole: bytes) -> None:
    away, full = tmp_path / "model", tmp_path / "full"
    shutil.copytree(model.parent, away)
    full.mkdir()
    small = ISOLATED.format("-o size=4k", full)
    prefix = f"env XDG_CACHE_HOME={full} {ISOLATED.format('', away)} {small}"
    machines = Machines(many, away / model.name, tmp_path / "r.jsonl", (prefix, ""))
    left_out(machines, whole, "No space left on device")


def test_another_processor_is_left_out(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    chance = np.random.default_rng(0)
    for number in range(64):
        picture = chance.integers(0, 256, (24, 24, 3), np.uint8)
        assert cv2.imwrite(str(images / f"{number:04}.png"), picture)
    prefixes = ("", "env ONEDNN_MAX_CPU_ISA=SSE41")
    machines = Machines(images, builtin.path(), tmp_path / "r.jsonl", prefixes)
    code, _, err = machines.end()
    assert code == 0, err
    assert "this processor rounds differently" in machines.log()
    lines = (tmp_path / "r.jsonl").read_bytes()
    before = {}
    for prefix in prefixes:
        program = Program(images, builtin.path(), tmp_path / "one.jsonl", *prefix.split())
        code, _, err = program.end()
        assert code == 0, err
        before[prefix] = (tmp_path / "one.jsonl").read_bytes()
        shutil.rmtree(tmp_path / "one.jsonl.job")
        (tmp_path / "one.jsonl").unlink()
    assert len(set(before.values())) == 2
    assert lines in before.values(), "all lines are of whichever was ready first"
