"""Teaches the head of the built-in model anew, so that it seldom calls a good photograph faulty.

    /opt/train/bin/python -m jobs.train.teach_head ~/photos ~/more --judge 100 --keep features.npz
    /opt/train/bin/python -m jobs.train.teach_head ~/others --go-on 422

The second stage after `train_builtin`: what the network sees stays as it is, the residuals of
`builtin_residuals` are added to it, and a head learns from both, on far more good photographs:
untouched, sharpened, and cut out on white and black as shops show them. Each defect then has to
lead by a margin of its own before it is called. The margins are chosen on answers to photographs
that the head has not seen (each fifth by a head of the other four).

`--go-on N` is the third stage: the head that the IR has learns on, from so many other photographs.

`--judge N` keeps N photographs of the last folder out of all this.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import nn

from jobs.train.builtin_degradations import LABELS
from jobs.train.builtin_eyes import Eyes, Features, save
from jobs.train.builtin_margins import Logits, chosen_margins, report
from jobs.train.builtin_photos import drawn, read, split
from jobs.train.builtin_pictures import UNTOUCHED, pictures

SEED, VARIANTS = 11, 2
"""Of the pictures: so many of each defect and photograph, and twice as many that are "ok"."""

GO_ON_SEED, GO_ON_VARIANTS, GO_ON_EPOCHS, GO_ON_RATE = 202, 1, 6, 5e-4

UNTOUCHED_COUNTS = 8.0
"""As much as so many other pictures."""

FOLDS, HEADS, HIDDEN, EPOCHS, BATCH = 5, 2, 96, 40, 128
"""Two heads, whose answers are averaged, are right more often than one of twice the size."""


def main() -> None:
    """Look, learn, choose the margins, write."""
    options = _options()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    eyes = Eyes(options.out)
    before = eyes.head() if options.go_on else None
    seen, kinds, photos = _looked_at(options, eyes)
    labels = np.where(kinds < len(LABELS), kinds, 0)
    logits = np.zeros((len(kinds), len(LABELS)))
    for fold in range(FOLDS):
        out = photos % FOLDS == fold
        logits[out] = Head(seen[~out], labels[~out], kinds[~out], fold, before).logits(seen[out])
    margins = chosen_margins(logits, kinds)
    print("margins: " + ", ".join(f"{n} {m:.2f}" for n, m in zip(LABELS, margins, strict=True)))
    report("answers to photographs that a head has not seen", logits - margins, kinds)
    Head(seen, labels, kinds, FOLDS, before).write(eyes, margins, options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="folders of photographs")
    parser.add_argument("--judge", type=int, default=0, help="photographs of the last kept out")
    parser.add_argument("--go-on", type=int, default=0, help="photographs of the only folder")
    parser.add_argument("--keep", type=Path, help="file of what was seen, for another try")
    ours = Path(__file__).resolve().parents[2] / "batchcls/model/builtin/photo_quality.xml"
    parser.add_argument("--out", type=Path, default=ours, help="the IR; its head is replaced")
    return parser.parse_args()


def _looked_at(
    options: argparse.Namespace, eyes: Eyes
) -> tuple[Features, NDArray[np.int64], NDArray[np.int64]]:
    """What the head sees of every picture, (pictures, 750), its kind and its photograph."""
    if options.keep is not None and options.keep.exists():
        kept = np.load(options.keep)
        return kept["seen"], kept["kinds"], kept["photos"]
    if options.go_on:
        plan, how = drawn(options.photos[0], options.go_on), (GO_ON_SEED, GO_ON_VARIANTS)
    else:
        plan = list(enumerate(split(options.photos, options.judge)[0]))
        how = (SEED, VARIANTS)
    rows: list[tuple[Features, int, int]] = []
    for done, (number, path) in enumerate(plan):
        rows += [(eyes(p), k, number) for k, p in pictures(read(path), number, *how)]
        print(f"{done + 1} of {len(plan)}", end="\r", flush=True)
    seen, kinds, photos = (np.array(column) for column in zip(*rows, strict=True))
    if options.keep is not None:
        np.savez(options.keep, seen=seen, kinds=kinds, photos=photos)
    return seen, kinds, photos


class Head:
    """Two layers over what was seen, normalised; the mean of `HEADS` of them.

    Args:
        seen: (pictures, 750).
        labels: (pictures,).
        kinds: (pictures,).
        seed: of weights and order.
        before: weights and biases of a head that learns on; without it, new ones.
    """

    def __init__(
        self,
        seen: Features,
        labels: NDArray[np.int64],
        kinds: NDArray[np.int64],
        seed: int,
        before: Sequence[Features] | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self._mean, self._scale = seen.mean(0), seen.std(0) + np.float32(1e-3)
        inputs, wanted = torch.from_numpy(self._normal(seen)), torch.from_numpy(labels)
        weights = torch.from_numpy(np.where(kinds == UNTOUCHED, UNTOUCHED_COUNTS, 1.0)).float()
        if before is None:
            self._heads = [
                _taught(_layers(seen.shape[1], HIDDEN, 0.15), inputs, wanted, weights, EPOCHS, 3e-3)
                for _ in range(HEADS)
            ]
        else:
            old = self._given(before)
            self._heads = [_taught(old, inputs, wanted, weights, GO_ON_EPOCHS, GO_ON_RATE)]

    def _given(self, before: Sequence[Features]) -> nn.Sequential:
        """The layers with these weights and biases, for inputs that are normalised."""
        first, first_bias, last, last_bias = before
        layers = _layers(first.shape[1], len(first), 0.1)
        first_bias = first_bias + first @ self._mean
        with torch.no_grad():
            for at, weights, bias in ((1, first * self._scale, first_bias), (4, last, last_bias)):
                layers[at].weight.copy_(torch.from_numpy(weights))
                layers[at].bias.copy_(torch.from_numpy(bias))
        return layers

    def logits(self, seen: Features) -> Logits:
        """(pictures, 7), without margins."""
        inputs = torch.from_numpy(self._normal(seen))
        with torch.no_grad():
            found = torch.stack([head(inputs) for head in self._heads]).double().mean(0)
        return np.asarray(found.numpy(), np.float64)

    def write(self, eyes: Eyes, margins: NDArray[np.float64], path: Path) -> None:
        """Put this head in the place of the IR's own, margins included."""
        linear = [[la for la in head if isinstance(la, nn.Linear)] for head in self._heads]
        weights = np.concatenate([first.weight.detach().numpy() for first, _ in linear])
        weights = weights / self._scale
        bias = np.concatenate([first.bias.detach().numpy() for first, _ in linear])
        bias = bias - weights @ self._mean
        last = np.concatenate([second.weight.detach().numpy() for _, second in linear], axis=1)
        mean_bias = np.mean([second.bias.detach().numpy() for _, second in linear], axis=0)
        hidden = ops.relu(_linear(eyes.seen, weights, bias))
        logits = _linear(hidden, last / len(self._heads), mean_bias - margins)
        scores = ops.softmax(logits, 1)
        eyes.model.outputs[0].node.input(0).replace_source_output(scores.output(0))
        eyes.model.validate_nodes_and_infer_types()
        eyes.model.outputs[0].set_names({"scores"})
        save(eyes.model, path)

    def _normal(self, seen: Features) -> Features:
        found: Features = (seen - self._mean) / self._scale
        return found


def _layers(width: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(hidden, len(LABELS)),
    )  # fmt: skip


def _taught(
    layers: nn.Sequential,
    inputs: torch.Tensor,
    wanted: torch.Tensor,
    weights: torch.Tensor,
    epochs: int,
    rate: float,
) -> nn.Sequential:
    steps = epochs * (len(inputs) // BATCH)
    optimizer = torch.optim.AdamW(layers.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for first in range(0, len(inputs) - BATCH + 1, BATCH):
            chosen = order[first : first + BATCH]
            losses = nn.functional.cross_entropy(
                layers(inputs[chosen]), wanted[chosen], reduction="none", label_smoothing=0.02
            )
            loss = (losses * weights[chosen]).sum() / weights[chosen].sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return layers.eval()


def _linear(into: Any, weights: NDArray[Any], bias: NDArray[Any]) -> Any:
    product = ops.matmul(into, ops.constant(weights.astype(np.float32)), False, True)
    return ops.add(product, ops.constant(bias.astype(np.float32)[None]))


if __name__ == "__main__":
    main()
