"""`--fast` through real workers: answers of either look, and a plan that is decided once."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.backends.question import answer_to
from batchcls.decode.policy import CLOSE
from batchcls.errors import RefusedError, UsageError
from batchcls.images import Folder, ImageRef
from batchcls.job.fast_plan import BF16, INT8, FastPlan
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.results import manifest as manifests
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running import fast_trial
from batchcls.running.fast_verdict import judged
from batchcls.running.run import run
from batchcls.wire import leased
from batchcls.wire.start import StartMessage
from tests.support.int8_net import quantised_net
from tests.support.tiny_models import save

Planned = Callable[..., Job]


def plan_of(job: Job) -> FastPlan:
    kept = manifests.load(PosixStorage(), RunPaths.of(job.output).manifest)
    assert kept is not None
    return FastPlan.from_dict(kept.settings["fast"])


def lines(job: Job) -> bytes:
    assert run(job).exit_code == 0
    return Path(job.output).read_bytes()


def answered(job: Job) -> list[dict[str, Any]]:
    records = map(json.loads, lines(job).splitlines())
    return [record for record in records if not record["error"]["kind"]]


@pytest.fixture
def planned(job: Job, tmp_path: Path) -> Planned:
    """From a plan to a job, with these options, that takes it over from another run."""

    def of(plan: FastPlan, **options: Any) -> Job:
        other = replace(job, output=str(tmp_path / "other.jsonl"), **options)
        run(other)
        paths, storage = RunPaths.of(other.output), PosixStorage()
        before = manifests.load(storage, paths.manifest)
        assert before is not None
        settings = {**before.settings, "fast": plan.as_dict()}
        manifests.save(storage, paths.manifest, replace(before, settings=settings))
        return replace(job, fast=True, fast_plan=other.output, **options)

    return of


@pytest.mark.runs
@pytest.mark.parametrize("layout", [{}, {"workers": 1, "decode_threads": 2}, {"batch_size": 5}])
def test_what_is_looked_at_again_has_the_line_of_f32(
    planned: Planned, tmp_path: Path, layout: dict[str, Any]
) -> None:
    job = replace(planned(FastPlan(BF16, 1e6)), **layout)
    right = (tmp_path / "other.jsonl").read_bytes()
    assert lines(job) == right
    looks = {
        r["look"] for r in answered(replace(job, output=job.output + "2", with_facts=("look",)))
    }
    assert looks == {"final"}


@pytest.mark.runs
def test_clear_answers_are_those_of_the_first_look(planned: Planned, tmp_path: Path) -> None:
    job = planned(FastPlan(BF16, 0.0))
    first = answered(replace(job, with_facts=("look",)))
    assert {record["look"] for record in first} == {"first"}
    right = map(json.loads, (tmp_path / "other.jsonl").read_text().splitlines())
    best = [record["top"][0]["index"] for record in right if record["top"]]
    assert [record["top"][0]["index"] for record in first] == best
    assert lines(replace(job, workers=1, batch_size=3, output=job.output + "1")) == lines(
        replace(job, output=job.output + "2")
    )


@pytest.mark.runs
def test_a_run_keeps_its_plan_and_goes_on_with_no_other(planned: Planned) -> None:
    plan = FastPlan(BF16, 0.5, "measured once", {"gain": 2.0})
    job = planned(plan)
    made = lines(job)
    planned(FastPlan(BF16, 0.25))  # the other run has another one by now
    assert plan_of(job) == plan
    assert lines(job) == made
    with pytest.raises(RefusedError, match=r'fast: was "bf16, again in f32 below 0.500000"'):
        run(replace(job, fast=False, fast_plan=None))


@pytest.mark.runs
def test_a_run_that_is_too_small_is_as_always(job: Job) -> None:
    right = lines(replace(job, output=job.output + ".right"))
    job = replace(job, fast=True)
    assert lines(job) == right
    plan = plan_of(job)
    assert not plan.looks_twice
    assert "`--fast` is left out: " in plan.words
    assert lines(replace(job, fast=False)) == right, "so nothing is between it and the same without"


@pytest.mark.runs
def test_a_run_that_was_begun_without_it_says_so(
    job: Job, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(job)
    (images / "zz.png").write_bytes(b"no picture")
    assert run(replace(job, fast=True, extend=True, progress="plain")).exit_code == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "`--fast` is left out: this run was begun without it" in said


@pytest.mark.runs
def test_a_plan_of_a_run_without_one_is_refused(job: Job) -> None:
    run(replace(job, output=job.output + ".other"))
    with pytest.raises(RefusedError, match="that run was begun without `--fast`"):
        run(replace(job, fast=True, fast_plan=job.output + ".other"))


@pytest.mark.runs
def test_a_plan_that_was_measured_on_something_else_is_refused(planned: Planned) -> None:
    job = planned(FastPlan(BF16, 0.5))
    with pytest.raises(RefusedError, match=r"differs in decode\.reduced, mean_values"):
        run(replace(job, mean_values="[1,1,1]", decode="reduced"))
    assert run(replace(job, top=1)).exit_code == 0


@pytest.mark.runs
def test_a_plan_that_kept_fewer_best_classes_than_asked_for_is_refused(planned: Planned) -> None:
    look: dict[str, Any] = {"seen": [[9.0, 9.0, True, 0.0]] * 299 + [[9.0, -1.0, False, 0.1]]}
    look["costs"] = {"prepare": 0.001, "first": 0.002, "exact": 0.010}
    lax = Job(sources=("x",), fast=True, fast_agreement=99.0)
    plan = judged({"refused": {}, "looks": {BF16: look}}, lax, [FastPlan(BF16)])
    job = planned(plan)
    with pytest.raises(RefusedError, match=r"other.jsonl: .* only 199 of 200 images \(99\.5%\)"):
        run(replace(job, fast_agreement=99.6))
    assert not RunPaths.of(job.output).directory.exists()
    lines(job)  # 99.5% were tested, though 99% were aimed at
    lines(replace(job, fast_agreement=99.6, yes=True, output=job.output + "2"))


@pytest.mark.parametrize(
    "wrong", [{"first": "f16"}, {"margin": -1.0}, {"margin": "1"}, {"words": 5}, {"x": 1}]
)
def test_a_plan_of_another_shape_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        FastPlan.from_dict({**FastPlan(BF16, 0.5).as_dict(), **wrong})


@pytest.mark.runs
def test_a_trial_measures_each_image_once(job: Job, images: Path, tmp_path: Path) -> None:
    good = sorted(images.rglob("[0-9]*.png"))
    refs = [
        ImageRef(n, str(path.relative_to(images)), Folder(str(images)))
        for n, path in enumerate(good)
    ]
    start = StartMessage(replace(job, fast=True), Threads())
    plan = fast_trial.decide(start, refs, 10**9, 1, tmp_path / "log", lambda: None)
    if BF16 not in plan.measured:
        pytest.skip(plan.words)
    measured = plan.measured[BF16]
    assert measured["chosen_on"] + measured["tested"] == len(good)
    costs = measured["costs"]
    assert min(costs[part] for part in ("prepare", "first", "exact")) > 0
    assert costs["whole"] == 0
    assert measured["same"] == measured["tested"], "colours are easy to tell apart"


@pytest.mark.runs
def test_an_int8_model_that_took_too_long_leaves_time_to_look(
    job: Job, images: Path, tmp_path: Path
) -> None:
    refs = [
        ImageRef(n, str(path.relative_to(images)), Folder(str(images)))
        for n, path in enumerate(sorted(images.rglob("[0-9]*.png")))
    ]
    start = StartMessage(replace(job, fast=True), Threads())
    request: dict[str, Any] = {"start": start.to_json()}
    request |= {"seconds": 200.0, "share": 1e9, "spent": 300.0, **leased.to_json(refs)}
    request["plans"] = [(FastPlan(BF16).as_dict(), "")]
    found = answer_to(fast_trial.MODULE, request, tmp_path / "log", lambda: None, 60.0)
    if BF16 not in found["looks"]:
        pytest.skip(str(found["refused"]))
    assert len(found["looks"][BF16]["seen"]) == len(refs) > 8


@pytest.fixture
def large(tmp_path: Path) -> list[ImageRef]:
    """JPEGs that are decoded at an eighth."""
    chance = np.random.default_rng(3)
    (tmp_path / "large").mkdir()
    refs = []
    for number in range(36):
        colour = np.roll([60, 60, 190], number)
        pixels = np.clip(colour + chance.integers(-60, 60, (410, 660, 3)), 0, 255)
        assert cv2.imwrite(str(tmp_path / f"large/{number}.jpg"), pixels.astype(np.uint8))
        refs.append(ImageRef(number, f"{number}.jpg", Folder(str(tmp_path / "large"))))
    return refs


@pytest.mark.runs
@pytest.mark.parametrize("decode", ["reduced", "full"])
def test_a_trial_of_smaller_pictures_compares_them_with_whole_ones(
    job: Job, tmp_path: Path, large: list[ImageRef], decode: str
) -> None:
    start = StartMessage(replace(job, fast=True, decode=decode), Threads())
    plan = fast_trial.decide(start, large, 10**9, 1, tmp_path / "log", lambda: None)
    name = FastPlan(BF16, reduced=True).name
    if name not in plan.measured:
        pytest.skip(plan.words)
    measured = plan.measured[name]
    assert measured["costs"]["whole"] > 0
    assert measured["margin"] >= CLOSE
    assert measured["apart"] > 0
    assert (BF16 in plan.measured) == (decode == "full"), "whole pictures are tried, too"


@pytest.mark.runs
def test_a_plan_for_smaller_pictures_decodes_them_smaller(
    planned: Planned, tmp_path: Path, large: list[ImageRef]
) -> None:
    assert large
    job = replace(planned(FastPlan(BF16, 1e6, reduced=True)), sources=(str(tmp_path / "large"),))
    right = lines(replace(job, fast=False, fast_plan=None, output=job.output + "f32"))
    assert lines(job) == right, "each is looked at again, in full"
    job = replace(planned(FastPlan(BF16, CLOSE, reduced=True)), sources=job.sources)
    smaller = lines(replace(job, output=job.output + "-1", workers=1))
    assert smaller == lines(replace(job, output=job.output + "-2", batch_size=3)) != right


@pytest.mark.runs
def test_without_bf16_and_nncf_a_trial_says_what_would_help(
    job: Job, large: list[ImageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    start = StartMessage(replace(job, fast=True), Threads())
    plan = fast_trial.decide(start, large, 10**9, 1, tmp_path / "log", lambda: None)
    assert BF16 not in plan.measured
    if find_spec("nncf") is None:
        assert "in bf16, this processor does not compute in bf16" in plan.words
        assert "in INT8, it needs NNCF (`pip install 'nncf>=3.2'`)" in plan.words


@pytest.mark.runs
@pytest.mark.parametrize(
    "options",
    [
        {"with_facts": ("margin", "entropy", "look")},
        {"classes": "two.txt", "top": 1},
        {"multilabel": True, "threshold": 0.3},
    ],
)
def test_facts_and_classes_are_of_the_look_that_was_enough(
    job: Job, planned: Planned, tmp_path: Path, options: dict[str, Any]
) -> None:
    (tmp_path / "two.txt").write_text("red\nblue\n")
    if "classes" in options:
        options = {**options, "classes": str(tmp_path / "two.txt")}
    right = lines(replace(job, **options, output=job.output + "f32"))
    whole = planned(FastPlan(BF16, 1e6), **options)
    assert lines(replace(whole, output=job.output + "again")) == right
    first = planned(FastPlan(BF16, 1e-6), **options)
    one = answered(replace(first, output=job.output + "first"))
    f32 = [record for record in map(json.loads, right.splitlines()) if not record["error"]["kind"]]
    for here, there in zip(one, f32, strict=True):
        assert here["top"][:1] != [] or there["top"] == []
        for fact in {"margin", "entropy"} & here.keys():
            assert here[fact] == pytest.approx(there[fact], abs=0.02)
    same = [a["top"][:1] and a["top"][0]["index"] for a in one]
    assert same == [b["top"][:1] and b["top"][0]["index"] for b in f32]


@pytest.mark.runs
def test_a_quantised_model_has_no_first_look(
    job: Job, large: list[ImageRef], tmp_path: Path
) -> None:
    model = save(quantised_net(64), tmp_path / "int8.xml")
    start = StartMessage(replace(job, fast=True, model=str(model)), Threads())
    plan = fast_trial.decide(start, large, 10**9, 1, tmp_path / "log", lambda: None)
    assert "the model is quantised already" in plan.words
    assert not plan.looks_twice


def test_what_a_trial_came_to_decides() -> None:
    job = Job(sources=("x",), fast=True)
    clear, wrong = [9.0, 9.0, True, 0.0], [8.0, -1.0, False, 0.1]
    costs = {"prepare": 0.001, "first": 0.002, "exact": 0.010}

    def plan(seen: list[list[Any]], **other: float) -> FastPlan:
        look = {"seen": seen, "costs": costs | other}
        return judged({"refused": {}, "looks": {BF16: look}}, job, [FastPlan(BF16)])

    good = plan([clear] * 300)
    assert (good.first, good.margin) == (BF16, 0.0)
    assert "3.7 times as fast on these images, same best class on 200 of 200 (at least 98.5%)" in (
        good.words
    )
    assert "does not pay" in plan([clear] * 300, first=0.010).words
    wrong_often = [clear, wrong, clear] * 5 + [clear] * 285
    with pytest.raises(RefusedError, match=r"only 195 of 200 images \(97.5%\) keep their best"):
        plan(wrong_often)
    job = replace(job, yes=True)
    assert plan(wrong_often).first == BF16
    assert "more than 10% of the run" in plan([clear] * 20).words
    assert not judged({"refused": {"": "no bf16"}, "looks": {}}, job, []).looks_twice


@pytest.mark.parametrize(("seconds", "taken"), [(0.0032, BF16), (0.001, INT8)])
def test_closer_answers_go_before_hardly_faster_ones(seconds: float, taken: str, job: Job) -> None:
    costs = {"prepare": 0.003, "exact": 0.009}
    looks = {
        BF16: {"seen": [(5.0, 5.0, True, 0.01)] * 300, "costs": {**costs, "first": 0.0035}},
        INT8: {"seen": [(5.0, 5.0, False, 0.1)] * 300, "costs": {**costs, "first": seconds}},
    }
    plans = [FastPlan(BF16), FastPlan(INT8, model="0")]
    assert judged({"refused": {}, "looks": looks}, job, plans).first == taken


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"device": ("GPU",)}, "works on the CPU alone"),
        ({"device": ("AUTO:CPU",)}, "works on the CPU alone"),
        ({"infer_precision": "bf16"}, "leave out --infer-precision"),
        ({"follow": True}, "no images yet to measure it on"),
        ({"fast_agreement": 20.0}, "must be from 50 to 100"),
        ({"fast": False, "fast_plan": "r.jsonl"}, "add `--fast`"),
    ],
)
def test_what_does_not_go_with_it_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        replace(Job(sources=("x",), fast=True), **options).check()
