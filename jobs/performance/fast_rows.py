"""The rows of `--fast`: against today's run, against what others compute in less than f32."""

import json
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.backends.localised import with_built
from batchcls.backends.question import answer_to
from batchcls.images import Folder, ImageRef
from batchcls.job.fast_plan import BF16, INT8, FastPlan
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.results import first_look
from batchcls.results import manifest as manifests
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.running import fast_trial
from batchcls.running.fast_choice import Costs, Seen, choose
from batchcls.wire import leased
from batchcls.wire.start import StartMessage
from jobs.performance.choice_rows import QUANTIZE, original
from jobs.performance.comparing import HERE, LIKE_PEERS, Suite
from jobs.performance.pictures import photos_in
from jobs.performance.table import Line, Round, at_least, judged, middle, ratios, spread, values

PERCENT = 99.5
SPLITS = 20
ENDLESS = 10**12
NO_UNITS = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
"""What hides them from `model.devices.cpu` and from OpenVINO."""
PHOTOS = 700
LARGE = 240
FORCED = 0.1
"""Share of second looks where a model's own answers mean nothing."""


def _photos(folder: Path) -> list[ImageRef]:
    return [ImageRef(n, one.name, Folder(str(folder))) for n, one in enumerate(photos_in(folder))]


def looks(suite: Suite, job: Job, folder: Path) -> dict[str, Any]:
    """What the run's own processes see of the photos, by first look; INT8's model in the folder."""
    images = leased.to_json(_photos(suite.photos))
    start = StartMessage(job, Threads(1, "1", pin=False, nireq=1)).to_json()
    request = {"start": start, **images, "seconds": 600.0, "share": float(ENDLESS), "spent": 0.0}
    log, wait = folder / "log", (lambda: None)
    made = answer_to(fast_trial.MAKES_INT8, {**request, "folder": str(folder)}, log, wait, 1200)
    plans = [FastPlan(BF16), *([FastPlan(INT8, model=made["model"])] if made["model"] else ())]
    named = [(plan.as_dict(), str(plan.model_in(folder))) for plan in plans]
    found = answer_to(fast_trial.MODULE, {**request, "plans": named}, log, wait, 1200)
    found["model"] = made["model"]
    return found


def planned(
    suite: Suite,
    name: str,
    job: Job,
    plan: FastPlan | None = None,
    options: str = "",
    images: Path | None = None,
) -> Path:
    """Results of a run with a plan, for `--fast-plan`: this one, or that of a trial.

    Args:
        options: of the job, as those who take the plan over have them.
        images: that it is measured on; None takes the photos.
    """
    images = images or suite.photos
    output = suite.work / f"plan-{name}.jsonl"
    words = ["run", str(suite.first(images, 3)), "-m", str(job.model), "-o", str(output)]
    suite.batchcls([*words, "--progress", "none", *shlex.split(options)])
    paths, storage = RunPaths.of(str(output)), PosixStorage()
    if plan is None:
        start = StartMessage(job, Threads(1, "1", pin=False, nireq=1))
        photos = _photos(images)
        plan = fast_trial.decide(start, photos, ENDLESS, 1, paths.log, lambda: None)
    before = manifests.load(storage, paths.manifest)
    if before is None:
        raise SystemExit(f"{output}: no manifest")
    settings = {**before.settings, first_look.SETTING: plan.as_dict()}
    manifests.save(storage, paths.manifest, replace(before, settings=settings))
    suite.log(plan.words)
    return output


def _fast(plan: Path) -> str:
    return f"--fast --fast-plan {shlex.quote(str(plan))}"


def resnet50(suite: Suite) -> list[Line]:
    """ResNet-50, whose weights are made up: second looks forced for a tenth of the images.

    Its answers lead by nearly the same, but no two by quite the same.
    """
    model = original(suite)
    words = LIKE_PEERS.split()
    job = Job(
        model=str(model), reverse_input_channels=True, mean_values=words[2], scale_values=words[4]
    )
    folder = suite.work / "looks-resnet50"
    folder.mkdir()
    found = looks(suite, job, folder)
    commands, shares = {"today": suite.ours(LIKE_PEERS, before=True)}, dict[str, float]()
    for first, look in found["looks"].items():
        leads = sorted(one[0] for one in look["seen"] if one is not None)
        margin = leads[int(FORCED * len(leads))]
        own = found["model"] if first == INT8 else ""
        other = planned(
            suite, f"resnet50-{first}", job, FastPlan(first, margin, model=own), LIKE_PEERS
        )
        if own:
            there = FastPlan(model=own).model_in(RunPaths.of(str(other)).directory).parent
            FastPlan(model=own).model_in(folder).parent.rename(there)
        commands[first] = suite.ours(f"{LIKE_PEERS} {_fast(other)}")
        shares[first] = _again(suite, model, f"{LIKE_PEERS} {_fast(other)}")
    rounds = suite.compare(suite.photos_times(2), model, "", commands)
    return [
        judged(
            f"ResNet-50 (weights made up), `--fast` with a first look in {first}, second looks of "
            f"{shares[first]:.0%}, against `run`: steady", "≥ 2.2x",
            ratios(rounds[first], rounds["today"], "steady"), at_least(2.2),
            f"{{}}x; {middle(values(rounds[first], 'steady')):.1f} images/s",
        )
        for first in shares
    ]  # fmt: skip


def _again(suite: Suite, model: Path, options: str) -> float:
    """Share of the photos that have a second look."""
    out = suite.work / "looks.jsonl"
    words = ["run", str(suite.photos), "-m", str(model), "-o", str(out), "--fresh"]
    more = ["--with", "look", "--progress", "none"]
    suite.batchcls([*words, *more, *shlex.split(options)])
    found = [json.loads(text)["look"] for text in out.read_text().splitlines()]
    return found.count("final") / len(found)


def lite0(suite: Suite) -> list[Line]:
    """EfficientNet-Lite0 with its real weights: steady, and answers over random splits."""
    job = with_built(Job(model="imagenet"))
    other = planned(suite, "lite0", job)
    commands = {"today": suite.ours(before=True), "fast": suite.ours(_fast(other))}
    rounds = suite.compare(suite.photos_times(4), Path(str(job.model)), "", commands)
    lines = [
        judged(
            "EfficientNet-Lite0, photos four times, `--fast` against `run`: steady",
            "≥ 1.5x", ratios(rounds["fast"], rounds["today"], "steady"), at_least(1.5),
            f"{{}}x; {middle(values(rounds['fast'], 'steady')):.1f} images/s",
        )
    ]  # fmt: skip
    folder = suite.work / "looks-lite0"
    folder.mkdir()
    for name, look in looks(suite, job, folder)["looks"].items():
        lines.append(splits(name, look))
    return lines


def without_units(suite: Suite) -> list[Line]:
    """No units for bf16 and 8-bit integers, as far as anybody can tell: nothing may be lost."""
    had = dict(suite.environment)
    os.environ |= NO_UNITS  # the trial's processes have it from here
    suite.environment |= NO_UNITS
    try:
        lines = []
        for name, model in (("EfficientNet-Lite0", "imagenet"), ("ResNet-50", original(suite))):
            job = with_built(Job(model=str(model)))
            other = planned(suite, f"without-{name}", job)
            commands = {"today": suite.ours(), "fast": suite.ours(_fast(other))}
            rounds = suite.compare(suite.photos_times(2), Path(str(job.model)), "", commands)
            lines.append(
                judged(
                    f"{name} without units for bf16 and INT8 (faked), `--fast` against `run`: "
                    "steady", "≥ 0.98x", ratios(rounds["fast"], rounds["today"], "steady"),
                    at_least(0.98), "{}x",
                )
            )  # fmt: skip
        return lines
    finally:
        suite.environment = had
        for name in NO_UNITS:
            os.environ.pop(name, None)


def splits(first: str, look: Mapping[str, Any]) -> Line:
    """A third of the photos chooses, the others are tested; so often, by chance."""
    seen = [Seen(*one) for one in look["seen"] if one is not None]
    chance, same, tested, again = random.Random(20), 0, 0, []
    for _ in range(SPLITS):
        drawn = chance.sample(seen, len(seen))
        third = len(drawn) // 3
        choice = choose(drawn[:third], drawn[third:], Costs(**look["costs"]), PERCENT)
        same, tested = same + choice.same, tested + choice.tested
        again.append(100 * choice.again)
    share = same / tested
    return Line(
        f"EfficientNet-Lite0, first look in {first}, {SPLITS} random splits of {len(seen)} photos: "
        "same best class", f"≥ {PERCENT} %",
        f"{share:.2%} of {tested:,}; second looks {spread(again, 1)} %", 100 * share >= PERCENT,
    )  # fmt: skip


def large(suite: Suite, quality: int) -> list[Line]:
    """12-megapixel JPEGs, whole run."""
    pictures = suite.large(quality)
    job = with_built(Job(model="imagenet"))
    model = Path(str(job.model))
    quick = _fast(planned(suite, f"large{quality}", job, images=pictures))
    commands = {"today": suite.ours(before=True), "fast": suite.ours(quick)}
    count = 4 if suite.quick else LARGE
    rounds = suite.compare(suite.first(pictures, count), model, "", commands)
    right = suite.tops(pictures, model)
    found = suite.tops(pictures, model, *shlex.split(quick))
    same = sum(right[path] == found[path] for path in right) / len(right)
    what = f"{count} 12-megapixel JPEGs, quality {quality}, EfficientNet-Lite0, `--fast`"
    return [
        judged(
            f"{what} against `run`: whole run", "≥ 2.2x",
            ratios(rounds["fast"], rounds["today"], "total"), at_least(2.2), "{}x",
        ),
        Line(f"{what}: same best class", "≥ 99 %", f"{same:.1%} of {len(right)}", same >= 0.99),
    ]  # fmt: skip


def large85(suite: Suite) -> list[Line]:
    """Quality 85."""
    return large(suite, 85)


def large95(suite: Suite) -> list[Line]:
    """Quality 95."""
    return large(suite, 95)


def peers(suite: Suite) -> list[Line]:
    """Against others at their defaults and at their best, each with its agreement with its f32."""
    job = with_built(Job(model="imagenet"))
    model = Path(str(job.model))
    other = planned(suite, "peers", job)
    quantised = suite.keep(
        "lite0-int8.xml",
        lambda path: suite.batchcls(
            ["quantize", str(model), str(suite.photos), "-o", str(path), *QUANTIZE]
        ),
        of=f"{QUANTIZE} {model}",
    )
    ways = {
        "openvino": ("openvino", str(model), ""),
        "openvino_int8": ("openvino", str(quantised), ""),
    }
    onnx = suite.arguments.lite0_onnx
    if onnx:
        made = suite.keep("lite0-ort-int8.onnx", lambda path: _ort_int8(suite, onnx, path))
        ways["ort"] = ("onnxruntime", str(onnx), "")
        ways["ort_int8"] = ("onnxruntime", str(made), "")
    pythons = dict(one.split("=", 1) for one in suite.arguments.python)
    if "torch" in pythons:
        ways["torch_bf16"] = ("torch", "-", "bf16")
    commands = {name: _peer(suite, pythons, *way) for name, way in ways.items()}
    commands |= {"run": suite.ours(), "fast": suite.ours(_fast(other))}
    photos = suite.first(suite.photos_times(3), PHOTOS)
    rounds = suite.compare(photos, model, "", commands, f32=False)
    f32 = {
        "openvino": ("openvino", str(model), "f32"),
        "onnxruntime": ("onnxruntime", str(onnx), ""),
        "torch": ("torch", "-", "f32"),
    }
    agreements = {"run": 1.0}
    right = suite.tops(suite.photos, model)
    fast = suite.tops(suite.photos, model, "--fast", "--fast-plan", str(other))
    agreements["fast"] = sum(right[path] == fast[path] for path in right) / len(right)
    exact: dict[str, dict[str, int]] = {}
    for name, (way, of, precision) in ways.items():
        if way not in exact:
            exact[way] = _answers(suite, pythons, *f32[way])
        found = _answers(suite, pythons, way, of, precision)
        agreements[name] = sum(exact[way][p] == found[p] for p in found) / len(found)
    return against(rounds, agreements)


def against(rounds: Mapping[str, list[Round]], agreements: Mapping[str, float]) -> list[Line]:
    """The line of each, and the verdict against the fastest that agree as well."""
    lines = []
    rivals = [n for n in rounds if n != "fast" and agreements[n] >= agreements["fast"]]
    for name in rounds:
        if name == "fast":
            continue
        lines.append(
            judged(
                f"EfficientNet-Lite0, {PHOTOS} photos, whole run, `--fast` "
                f"({agreements['fast']:.1%}) against {name} ({agreements[name]:.1%} agree with its "
                "f32)", "", ratios(rounds["fast"], rounds[name], "total"), None,
                f"{{}}x; {middle(values(rounds[name], 'total')):.1f} images/s",
            )
        )  # fmt: skip
    count = min(len(rounds[name]) for name in rounds)
    best = [
        rounds["fast"][n]["total"] / max(rounds[name][n]["total"] for name in rivals)
        for n in range(count)
    ]
    lines.append(
        Line(
            "the same against the fastest of each round that agrees no less",
            "≥ 1.2x in every round", f"{spread(best)}x; of {', '.join(rivals)}", min(best) >= 1.2,
        )
    )  # fmt: skip
    return lines


def _peer(
    suite: Suite, pythons: Mapping[str, str], way: str, model: str, precision: str,
    images: str = "{images}", out: str = "{out}",
) -> str:  # fmt: skip
    python = pythons.get(way, sys.executable)
    words = [python, str(HERE / "fast_peer.py"), "--peers", str(suite.arguments.peers), way]
    words += ["--model", model, *(["--precision", precision] if precision else [])]
    return f"{shlex.join(words)} --images {images} --out {out}"


def _answers(
    suite: Suite, pythons: Mapping[str, str], way: str, model: str, precision: str
) -> dict[str, int]:
    """The best class of each photo."""
    out = suite.work / "peer.jsonl"
    line = _peer(suite, pythons, way, model, precision, str(suite.photos), str(out))
    subprocess.run(
        shlex.split(line), check=True, stdout=subprocess.DEVNULL, env=dict(suite.environment)
    )
    records: Sequence[Any] = [json.loads(text) for text in out.read_text().splitlines()]
    return {record["path"]: record["top"][0][0] for record in records}


def _ort_int8(suite: Suite, model: Path, path: Path) -> None:
    words = [sys.executable, str(HERE / "fast_peer.py"), "--quantise", str(model)]
    subprocess.run(
        [*words, "--images", str(suite.photos), "--out", str(path)], check=True, stdout=sys.stderr
    )
