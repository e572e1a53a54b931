"""The two quantised MobileNets: batchcls's answers against the TFLite interpreter's.

The reference is torchvision's transform over Pillow (shortest edge 256, centre crop 224, bilinear),
then `ai_edge_litert`. The same tensor also goes through OpenVINO alone, so that what preprocessing
changes and what the runtime changes can be told apart, and through TFLite's other kernels, so that
it can be seen how far TFLite agrees with itself.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from torchvision import transforms

from jobs.parity.ours import DecodePolicy, Opened, decode
from jobs.parity.tensors import upright

MODELS = ("mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite")
PRESET = {"preprocess": "torchvision"}
MARGIN = 0.01
LEAST_AGREEMENT = 0.995
LARGEST_SCORE_DIFFERENCE = 0.01
ACCURACY_POINTS = 0.5


@dataclass
class Pair:
    """One photograph: probabilities of batchcls, and what others say of the reference tensor.

    Attributes:
        truth: class index, as the model counts.
        ours: batchcls's, from the file on.
        same_tensor: OpenVINO's, of the reference tensor.
        reference: TFLite's, of the same, by its default kernels (XNNPACK's).
        other_kernels: TFLite's, of the same, by its built-in kernels.
    """

    truth: int
    ours: NDArray[np.float32]
    same_tensor: NDArray[np.float32]
    reference: NDArray[np.float32]
    other_kernels: NDArray[np.float32]


@dataclass
class Answers:
    """One model's answers to all photographs."""

    model: str
    pairs: list[Pair] = field(default_factory=list)

    def rows(self) -> tuple[list[str], bool]:
        """Rows of the table, and whether one is missed."""
        found: list[tuple[str, str, str, bool | None]] = []
        for who, name, judge, judged in (
            ("", "OpenVINO on the reference's tensor", "same_tensor", True),
            ("", "TFLite", "reference", False),
            ("TFLite's other kernels: ", "TFLite", "reference", False),
        ):
            asked = "other_kernels" if who else "ours"
            found += self._against(who, name, (asked, judge), judged=judged)
        found += self._accuracy()
        rows = [
            f"| {self.model}: {what} | {limit} | {figure} | | "
            f"{'for information' if ok is None else 'reached' if ok else '**missed**'} |"
            for what, limit, figure, ok in found
        ]
        return rows, any(ok is False for *_, ok in found)

    def _against(
        self, who: str, words: str, pair_of: tuple[str, str], *, judged: bool
    ) -> list[tuple[str, str, str, bool | None]]:
        same, sure, largest = [], [], 0.0
        for pair in self.pairs:
            asked, theirs = (getattr(pair, name) for name in pair_of)
            first, second = np.sort(theirs)[::-1][:2]
            agree = int(asked.argmax()) == int(theirs.argmax())
            same.append(agree)
            if first - second > MARGIN:
                sure.append(agree)
            largest = max(largest, abs(float(asked.max()) - float(first)))
        share, clear = float(np.mean(same)), float(np.mean(sure))
        return [
            (f"{who}top-1 agreement with {words}, reference margin above {MARGIN}", "100 %",
             f"{sum(sure)} of {len(sure)} ({100 * clear:.2f} %)", clear == 1 if judged else None),
            (f"{who}top-1 agreement with {words}, all", "99.5 %",
             f"{sum(same)} of {len(same)} ({100 * share:.2f} %)",
             share >= LEAST_AGREEMENT if judged else None),
            (f"{who}largest difference of a top-1 score from {words}", "0.01",
             f"{largest:.4f}", largest <= LARGEST_SCORE_DIFFERENCE if judged else None),
        ]  # fmt: skip

    def _accuracy(self) -> list[tuple[str, str, str, bool | None]]:
        right = {
            name: 100 * float(np.mean([getattr(p, name).argmax() == p.truth for p in self.pairs]))
            for name in ("ours", "same_tensor", "reference", "other_kernels")
        }
        gap = abs(right["same_tensor"] - right["reference"])
        return [
            ("accuracy, same input tensor, against the TFLite interpreter", "0.5 points",
             f"{right['same_tensor']:.2f} % against {right['reference']:.2f} %",
             gap <= ACCURACY_POINTS),
            ("accuracy, batchcls whole", "",
             f"{right['ours']:.2f} %", None),
            ("accuracy, TFLite's other kernels, same input tensor", "",
             f"{right['other_kernels']:.2f} %", None),
        ]  # fmt: skip


class Reference:
    """A TFLite model in its own interpreter."""

    def __init__(self, path: Path, kernels: OpResolverType = OpResolverType.AUTO) -> None:
        self._interpreter = Interpreter(
            str(path), num_threads=1, experimental_op_resolver_type=kernels
        )
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities for (height, width, 3) RGB pixels."""
        tensor: Any = pixels[None]
        if self._input["dtype"] == np.float32:
            tensor = (tensor.astype(np.float32) - 127.5) / 127.5
        elif self._input["dtype"] == np.int8:
            tensor = (tensor.astype(np.int16) - 128).astype(np.int8)
        self._interpreter.set_tensor(self._input["index"], tensor)
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._output["index"])[0].astype(np.float64)
        scale, zero = self._output["quantization"]
        if scale:
            raw = (raw - zero) * scale
        if raw.min() < 0 or raw.sum() > 1.5:  # logits: neither model has them; told, not guessed
            raise ValueError("the reference model gives logits, not probabilities")
        values: NDArray[np.float32] = raw.astype(np.float32)
        return values


def measure(data: Path, photos: int | None) -> list[Answers]:
    """Both models over the photographs."""
    with (data / "photos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:photos]
    transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    found = [Answers(name) for name in MODELS]
    other = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    sides = [
        (Opened.open(path, PRESET), Reference(path), Reference(path, other))
        for path in (data / "models" / name for name in MODELS)
    ]
    for row in rows:
        content = (data / "photos" / row["file"]).read_bytes()
        pixels = decode(content, DecodePolicy())
        wanted = np.asarray(transform(upright(content)))
        for answers, (ours, reference, others) in zip(found, sides, strict=True):
            theirs = reference(wanted)
            answers.pairs.append(
                Pair(
                    truth=int(row["index"]) + theirs.size - 1000,
                    ours=ours.classifier.probabilities(ours.scores(pixels)),
                    same_tensor=ours.classifier.probabilities(ours.scores_of(wanted)),
                    reference=theirs,
                    other_kernels=others(wanted),
                )
            )
    return found
