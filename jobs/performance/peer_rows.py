"""The rows that compare batchcls with the limit of the machine and with other programs."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs.performance.comparing import HERE, LIKE_PEERS, PEERS, Suite
from jobs.performance.table import (
    Line,
    Round,
    at_least,
    at_most,
    best_peer,
    judged,
    middle,
    ratios,
    spread,
    values,
)

START_ROUNDS = 9
START_IMAGES = 8
"""Few: lines are seen when they are committed, at the end of a run this short."""
ANTIALIASED = "--preprocess torchvision"
"""Pictures this large need a filter that sees every pixel. Without one, what full decoding answers
hangs on the few pixels that are hit, and nothing can agree with it."""


def steady(
    what: str,
    to_reach: float,
    found: dict[str, list[Round]],
    name: str,
    peers: Sequence[str],
    *,
    always: bool,
) -> list[Line]:
    """The two lines of a model: against the bound, and against the peers.

    Args:
        what: the model, in words.
        to_reach: share of the bound.
        found: of a comparison.
        name: of batchcls in it.
        peers: those that it must be ahead of.
        always: in every round; else it must not be behind them in the median.
    """
    ours, bound = found[name], found["bound"]
    per_bound = ratios(ours, bound, "steady", "bound")
    rates = f"{{}}; {middle(values(ours, 'steady')):.1f} images/s of "
    rates += f"{middle(values(bound, 'bound')):.1f}"
    lines = [
        judged(f"{what}: steady / bound", f"≥ {to_reach}", per_bound, at_least(to_reach), rates)
    ]
    peer, theirs = best_peer(found, peers, "steady")
    ahead = ratios(ours, theirs, "steady")
    others = ", ".join(
        f"{one} {spread(ratios(found[one], bound, 'steady', 'bound'))}"
        for one in peers
        if found.get(one)
    )
    lines.append(
        Line(
            f"{what}: steady, against the fastest peer of each round",
            "> 1 in every round" if always else "≥ 1",
            f"{spread(ahead)}, mostly {peer}; peers / bound: {others}",
            (min(ahead) > 1 if always else middle(ahead) >= 1) if ahead else None,
        )
    )
    return lines


def model_row(
    suite: Suite, model: Path, times: int, to_reach: float, more: str, native: str = ""
) -> list[Line]:
    """A model against the bound and the peers, all at the same precision.

    Args:
        suite: of the run.
        model: its file.
        times: each photo so often.
        to_reach: share of the bound.
        more: peers besides the usual ones.
        native: the precision that OpenVINO takes if left alone; "" = all in f32.
    """
    peers = ",".join(p for p in (PEERS, more, suite.arguments.more_peers) if p)
    extra = LIKE_PEERS if model.suffix == ".onnx" else ""
    extra += f" --infer-precision {native}" if native else ""
    commands = {"batchcls": suite.ours(extra)}
    if model == suite.mobilenet:
        commands["like_peers"] = suite.ours(f"{extra} --int8 fast")
    photos = suite.photos_times(times)
    # All of them, as everybody else: every sixth, which it takes by itself, decodes 6 % faster.
    bound = f"bound:decode-images={len(list(photos.iterdir()))}"
    found = suite.compare(photos, model, f"{bound},{peers}", commands, f32=not native)
    found["bound"] = found[bound]
    count = found["batchcls"][0]["n"]
    what = f"{_NAMES[model.stem]}, {count:,} photos, all in {native or 'f32'}"
    ahead_of, always = peers.split(","), model == suite.mobilenet
    lines = steady(what, to_reach, found, "batchcls", ahead_of, always=always)
    if "like_peers" in found:
        as_peers = f"{what}, with `--int8 fast` as the peers compute"
        lines += steady(as_peers, to_reach, found, "like_peers", ahead_of, always=always)
    return lines


_NAMES = {  # the rest of the integer model, its first and last layers, is in the named precision
    "mobilenet_v2_1.0_224_quant": "MobileNet v2 (int8)",
    "light_resnet50": "ResNet-50",
    "light_squeezenet": "SqueezeNet",
}


def mobilenet(suite: Suite) -> list[Line]:
    """MobileNet v2, 300 photos four times."""
    return model_row(suite, suite.mobilenet, 4, 0.95, "")


def resnet50(suite: Suite) -> list[Line]:
    """ResNet-50 in f32."""
    return model_row(suite, suite.light("resnet50"), 1, 0.97, "ort_procpool")


def squeezenet(suite: Suite) -> list[Line]:
    """SqueezeNet in f32."""
    return model_row(suite, suite.light("squeezenet"), 4, 0.97, "ort_procpool")


def resnet50_native(suite: Suite) -> list[Line]:
    """ResNet-50 in what OpenVINO computes in if it is left alone."""
    return _native(suite, suite.light("resnet50"), 2)


def squeezenet_native(suite: Suite) -> list[Line]:
    """SqueezeNet likewise."""
    return _native(suite, suite.light("squeezenet"), 4)


def _native(suite: Suite, model: Path, times: int) -> list[Line]:
    native = suite.native()
    if native == "f32":
        return []  # that is the other row
    return model_row(suite, model, times, 0.97, "ort_procpool", native)


def whole(suite: Suite) -> list[Line]:
    """From the command to the end, start included, against the plain loop."""
    lines = []
    for count, to_reach in ((600, 1.3), (3000, 1.45)):
        found = suite.compare(
            suite.photos_times(count // 300), suite.mobilenet, "sync_loop",
            {"batchcls": suite.ours()},
        )  # fmt: skip
        faster = ratios(found["batchcls"], found["sync_loop"], "total")
        lines.append(
            judged(
                f"whole run, {count:,} photos, MobileNet v2, against the plain loop",
                f"≥ {to_reach}x", faster, at_least(to_reach),
                f"{{}}x; {middle(values(found['batchcls'], 'total')):.1f} images/s",
            )
        )  # fmt: skip
    return lines


def start(suite: Suite) -> list[Line]:
    """From the command to the first line."""
    commands = {f"workers{n}": suite.ours(f"--workers {n}") for n in (1, 2)}
    found = suite.compare(
        suite.photos_times(1), suite.mobilenet, "sync_loop", commands,
        rounds=suite.rounds_or(START_ROUNDS), limit=START_IMAGES,
    )  # fmt: skip
    loop = middle(values(found["sync_loop"], "first"))
    return [
        judged(
            f"first record, {name[7:]} worker{'s' * (name != 'workers1')}, against the plain loop",
            "≤ 1.3x", ratios(found[name], found["sync_loop"], "first"), at_most(1.3),
            f"{{}}x; {middle(values(found[name], 'first')):.2f} s against {loop:.2f} s",
        )
        for name in commands
    ]  # fmt: skip


def large(suite: Suite, quality: int) -> list[Line]:
    """12-megapixel JPEGs: speed against the best peer, answers against full decoding."""
    pictures = suite.large(quality)
    commands = {name: suite.ours(f"{ANTIALIASED} --decode {name}") for name in ("reduced", "full")}
    found = suite.compare(suite.first(pictures, 80), suite.mobilenet, PEERS, commands)
    peer, theirs = best_peer(found, PEERS.split(","), "total")
    what = f"12-megapixel JPEGs, quality {quality}"
    return [
        judged(
            f"{what}, 80, whole run, `--decode reduced` against the best peer ({peer})", "≥ 2x",
            ratios(found["reduced"], theirs, "total"), at_least(2), "{}x",
        ),
        judged(
            f"{what}, 80, whole run, `--decode full` against the best peer", "",
            ratios(found["full"], theirs, "total"), None, "{}x",
        ),
        agreement(suite, pictures, suite.mobilenet, f"{what}, MobileNet v2 (int8)"),
        agreement(suite, pictures, in_float(suite), f"{what}, MobileNet v2 in float"),
    ]  # fmt: skip


def agreement(suite: Suite, pictures: Path, model: Path, what: str) -> Line:
    """Whether pictures decoded at a reduced size are answered as in full."""
    full, fast = (
        suite.tops(pictures, model, *ANTIALIASED.split(), "--decode", how)
        for how in ("full", "reduced")
    )
    same = sum(full[path] == fast[path] for path in full) / len(full)
    return Line(
        f"{what}: top-1 agreement of reduced with full decoding", "≥ 99 %",
        f"{same:.1%} of {len(full)}", same >= 0.99,
    )  # fmt: skip


def in_float(suite: Suite) -> Path:
    """MobileNet v2 without the rounding between its layers, kept."""
    script = HERE / "unquantised.py"

    def make(path: Path) -> None:
        subprocess.run([sys.executable, str(script), str(suite.mobilenet), str(path)], check=True)

    return suite.keep("mobilenet-float.xml", make, of=script.read_text(encoding="utf-8"))


def large85(suite: Suite) -> list[Line]:
    """Quality 85."""
    return large(suite, 85)


def large95(suite: Suite) -> list[Line]:
    """Quality 95."""
    return large(suite, 95)
