"""Features beside the results: row k is image k's, the same bytes on every layout, after kills."""

import random
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.cli.main import main
from batchcls.errors import ModelError, RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.results.merge import merge
from batchcls.results.record import parse
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running.run import run
from tests.support.layered_net import INFO, WIDTH, layered
from tests.support.program import Program
from tests.support.tiny_models import save

pytestmark = pytest.mark.runs


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layered")
    return save(layered(), folder / "layered.xml", {**INFO, "labels": "red green blue"})


@pytest.fixture
def embedding(job: Job, classes: Path) -> Job:
    return replace(job, model=str(classes), plugin=(), with_facts=("embedding",))


def rows(output: str | Path) -> NDArray[np.float16]:
    found: NDArray[np.float16] = np.load(RunPaths.of(output).embeddings, mmap_mode="r")
    return found


def content(output: str | Path) -> tuple[bytes, bytes]:
    paths = RunPaths.of(output)
    assert not paths.embeddings_part.exists()
    return paths.results.read_bytes(), paths.embeddings.read_bytes()


def test_each_image_has_its_row_and_a_failed_one_is_nan(embedding: Job) -> None:
    done = run(embedding)
    found = rows(embedding.output)
    lines = [parse(line) for line in done.results.read_bytes().splitlines()]
    assert found.shape == (len(lines), WIDTH)
    assert found.dtype == np.dtype(np.float16)
    for line, row in zip(lines, found, strict=True):
        assert np.isnan(row).all() == (line.failure is not None)
    assert not np.isnan(found).all(1).all()
    plain = replace(embedding, with_facts=(), output=embedding.output + "2")
    assert run(plain).results.read_bytes() == done.results.read_bytes(), "scores stay as they are"


LAYOUTS: tuple[Mapping[str, Any], ...] = (
    {"workers": 1, "nireq": 1},
    {"workers": 3, "nireq": 4, "decode_threads": 2},
    {"workers": 2, "batch_size": 5},
    {"workers": 1, "device": ("CPU", "CPU")},
    {"workers": 1, "cache": False},
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_bytes(embedding: Job, layout: Mapping[str, Any]) -> None:
    run(embedding)
    other = replace(embedding, output=embedding.output.replace("results", "other"), **layout)
    run(other)
    assert np.array_equal(rows(embedding.output), rows(other.output), equal_nan=True)
    assert content(embedding.output)[1] == content(other.output)[1]


def test_killed_runs_end_in_the_same_bytes(embedding: Job, images: Path, tmp_path: Path) -> None:
    for number in range(1200):  # so that a kill comes between commits
        (images / f"z{number:04}.png").hardlink_to(images / "a/01-green.png")
    run(embedding)
    whole = content(embedding.output)
    chance, output, killed = random.Random(7), tmp_path / "killed.jsonl", 0
    options = ("--with", "embedding", "--timeout", "30")
    for delay in (0, *(chance.uniform(0, 0.3) for _ in range(8))):
        program = Program(images, Path(str(embedding.model)), output, options=options)
        part = RunPaths.of(output).part
        while program.process.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.002)
        time.sleep(delay)
        program.process.kill()
        code, _, err = program.end()
        if code == 0:
            break
        assert code == -signal.SIGKILL, err
        killed += 1
        if part.exists() and (lines := part.read_bytes().count(b"\n")):
            length = WIDTH * 2 * lines
            kept = RunPaths.of(output).embeddings_part.read_bytes()[128:][:length]
            assert kept == whole[1][128:][:length], "no line without its row"
    assert killed
    code, _, err = Program(images, Path(str(embedding.model)), output, options=options).end(120)
    assert code == 0, err
    assert content(output) == whole


def test_shards_place_their_rows_as_one_machine_does(embedding: Job, tmp_path: Path) -> None:
    run(embedding)
    names = [str(tmp_path / f"shard-{n}.jsonl") for n in (1, 2, 3)]
    for n, name in enumerate(names, 1):
        run(replace(embedding, shard=f"{n}/3", output=name))
        first = parse(Path(name).read_bytes().splitlines()[0]).index
        assert rows(name)[first].tobytes() == rows(embedding.output)[first].tobytes()
    merged = str(tmp_path / "merged.jsonl")
    merge(merged, names, PosixStorage())
    assert content(merged) == content(embedding.output)
    merge(merged, names, PosixStorage(), fresh=True)
    assert content(merged) == content(embedding.output)


def test_a_longer_list_takes_over_the_rows_that_are_there(embedding: Job, images: Path) -> None:
    run(embedding)
    before = rows(embedding.output).copy()
    (images / "later.png").write_bytes((images / "a/03-red.png").read_bytes())
    run(replace(embedding, extend=True))
    after = rows(embedding.output)
    assert len(after) == len(before) + 1
    assert after[: len(before)].tobytes() == before.tobytes()
    assert not np.isnan(after[-1]).any()
    (images / "bad/empty.png").write_bytes((images / "a/03-red.png").read_bytes())
    run(replace(embedding, retry_failed=True))
    mended = rows(embedding.output)
    assert np.isnan(mended).all(1).sum() == np.isnan(after).all(1).sum() - 1


def test_a_crash_between_the_two_final_names_is_made_good(embedding: Job) -> None:
    run(embedding)
    whole, paths = content(embedding.output), RunPaths.of(embedding.output)
    paths.embeddings.rename(paths.embeddings_part)
    run(embedding)
    assert content(embedding.output) == whole
    paths.embeddings.unlink()
    with pytest.raises(RefusedError, match=r"results.npy is missing; restore it, or .*--fresh"):
        run(embedding)
    run(replace(embedding, fresh=True))
    assert content(embedding.output) == whole


def test_a_file_of_somebody_else_is_not_replaced(embedding: Job) -> None:
    theirs = RunPaths.of(embedding.output).embeddings
    theirs.write_bytes(b"mine")
    with pytest.raises(RefusedError, match=r"results.npy exists; move it away"):
        run(embedding)
    assert theirs.read_bytes() == b"mine"


def test_another_tensor_is_another_job(embedding: Job) -> None:
    run(embedding)
    with pytest.raises(RefusedError, match="features"):
        run(replace(embedding, features="image"))
    with pytest.raises(UsageError, match="no tensor and no operation of that name"):
        run(replace(embedding, features="typo", output=embedding.output + "3"))


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"cluster": ("ray",)}, "--cluster: rows are written to a file of this machine"),
        ({"follow": True}, "--follow: a file of rows has its size from the start"),
        ({"fast": True}, "--fast: rows of two precisions"),
        ({"number_iter": 2}, "--number-iter: each image has one row"),
    ],
)
def test_what_cannot_work_is_refused(embedding: Job, option: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=f"--with embedding and {why}"):
        run(replace(embedding, **option))


@pytest.mark.parametrize(("name", "last"), [("image_embeds", "layer"), ("y", "length 1")])
def test_a_model_of_features_is_no_classifier(
    embedding: Job, tmp_path: Path, name: str, last: str
) -> None:
    model = save(layered(name, last=last), tmp_path / "extractor.xml", INFO)
    job = replace(embedding, model=str(model), with_facts=())
    with pytest.raises(ModelError, match=r"has no classes: .* features .*\n.*`batchcls embed`"):
        run(job)
    done = run(replace(job, with_facts=("embedding",)))
    assert done.ok
    lines = [parse(line) for line in done.results.read_bytes().splitlines()]
    assert not any(line.top for line in lines)
    size = 3 if last == "layer" else WIDTH
    assert rows(job.output).shape == (len(lines), size)
    if last == "length 1":
        lengths = np.linalg.norm(rows(job.output).astype(np.float32), axis=1)
        assert np.nanmax(np.abs(lengths - 1)) < 1e-2


def test_labels_make_classes_of_features(embedding: Job, tmp_path: Path) -> None:
    model = save(layered("image_embeds"), tmp_path / "classes.xml", INFO)
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    labels = str(tmp_path / "labels.txt")
    done = run(replace(embedding, model=str(model), labels=labels, with_facts=()))
    assert parse(done.results.read_bytes().splitlines()[0]).top


def test_like_images_are_found_by_name_row_and_file(
    embedding: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str], images: Path
) -> None:
    twin = images / "twin.png"
    twin.write_bytes((images / "a/03-red.png").read_bytes())
    file, model = tmp_path / "kept.npy", str(embedding.model)
    options = ["-m", model, "-w", "1", "--progress", "none"]
    assert main(["embed", str(images), "-o", str(file), *options]) == 0
    lines = [parse(line) for line in (tmp_path / "kept.jsonl").read_bytes().splitlines()]
    row = next(line.index for line in lines if line.path == "twin.png")
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(twin.read_bytes())
    capsys.readouterr()
    for query in ("twin.png", str(twin), str(row)):
        assert main(["similar", query, "--in", str(file), "--top", "1"]) == 0
        found = capsys.readouterr().out.split()
        assert found[0] == "1.0000"
        assert found[2] == "a/03-red.png"
    assert main(["similar", str(elsewhere), "--in", str(file), "--top", "2"]) == 0
    assert {line.split()[2] for line in capsys.readouterr().out.splitlines()} == {
        "a/03-red.png",
        "twin.png",
    }
    assert main(["similar", "nowhere.png", "--in", str(file)]) == 2
    assert "no such image" in capsys.readouterr().err


def test_verify_looks_at_the_features_too(
    embedding: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    results = run(embedding).results
    file = RunPaths.of(results).embeddings
    whole, lines = file.read_bytes(), results.read_bytes().splitlines()
    failed = [parse(line).failure is not None for line in lines]
    good, bad = failed.index(False), failed.index(True)
    at = [len(whole) - (len(lines) - index) * WIDTH * 2 for index in (good, bad)]

    def verified() -> tuple[int, str]:
        code = main(["verify", str(results)])
        return code, capsys.readouterr().out

    assert verified()[0] == 0
    swapped = bytearray(whole)
    for one, other in (at, at[::-1]):
        swapped[one : one + WIDTH * 2] = whole[other : other + WIDTH * 2]
    file.write_bytes(swapped)
    code, said = verified()
    assert code == 2
    assert f"line {good + 1}, byte " in said
    assert f"{file.name} has no features of this image" in said
    assert f"{file.name} has features of this image, which failed" in said
    file.write_bytes(whole[:-2])
    assert f"{file} has {len(whole) - 2:,} bytes, and {len(lines):,} rows of" in verified()[1]
    file.write_bytes(whole.replace(b"<f2", b"<i2"))
    assert f"{file} does not begin as a file of {len(lines):,} rows" in verified()[1]
    file.unlink()
    code, said = verified()
    assert code == 2
    assert f"wrong: {file} is missing: the features of the images\n" in said
    file.with_name(file.name + ".part").write_bytes(whole)  # killed before it got its name
    assert verified()[0] == 0


def test_verify_looks_at_the_features_of_a_run_that_was_stopped_and_of_a_shard(
    embedding: Job, tmp_path: Path
) -> None:
    shard = run(replace(embedding, shard="2/2", output=str(tmp_path / "s.jsonl"))).results
    assert main(["verify", str(shard)]) == 0
    paths = RunPaths.of(run(embedding).results)
    paths.results.rename(paths.part)
    paths.embeddings.rename(paths.embeddings_part)
    assert main(["verify", str(paths.results)]) == 4
    paths.embeddings_part.unlink()
    assert main(["verify", str(paths.results)]) == 2
