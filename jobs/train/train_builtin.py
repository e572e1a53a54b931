"""Trains the built-in model of photo quality from a folder of photographs, and writes its IR.

    python -m venv /opt/train && /opt/train/bin/pip install torch openvino opencv-python-headless
    /opt/train/bin/python -m jobs.train.train_builtin ~/photos --seed 7

`teach_head` comes after it.

Photographs are split, not pictures: what is reported is on photographs that no weight has seen.

Every round learns from pictures degraded afresh, drawn by one thread while another learns. That
uses two cores without OpenMP's barriers, which crawl where other programs share the machine. What
a picture looks like depends on its number alone, so threads change nothing: the result is the same
for a seed on the same machine with the same versions. About 2 GB of memory.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from jobs.train.builtin_degradations import LABELS, VIEW, Image, degrade, view
from jobs.train.builtin_drawings import drawn
from jobs.train.builtin_network import MEAN, SCALE, Network, write_ir

Pictures = NDArray[np.uint8]
HELD_OUT_SHARE = 80 / 300
DRAWN_SHARE = 0.12
BATCH = 16
PASSES = 2
# Statistics need no whole picture: the early rounds see a window at a quarter of the cost.
SIDES = ((0.45, 160), (0.75, 240), (1.0, VIEW))


def main() -> None:
    """Split, degrade, train, report, write."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    begun = time.monotonic()
    photos = _photos(options.photos)
    order = np.random.default_rng(options.seed).permutation(len(photos))
    held = round(len(photos) * HELD_OUT_SHARE)
    unseen, seen = ([photos[i] for i in part] for part in (order[:held], order[held:]))
    print(f"{len(seen)} photographs to train on, {len(unseen)} held out")

    network = _trained(seen, options, begun)
    _report("held-out photographs", network, *_pictures(unseen, 4, 0.0, options.seed + 1_000_003))
    _report("drawn pictures", network, *_pictures(unseen[:40], 2, 1.0, options.seed + 2_000_003))
    print(f"wrote {options.out / 'photo_quality.xml'} after {time.monotonic() - begun:.0f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder of photographs, searched recursively")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=6, help="each: all photographs, all classes")
    builtin = Path(__file__).resolve().parents[2] / "batchcls" / "model" / "builtin"
    parser.add_argument("--out", type=Path, default=builtin, help="where the IR goes")
    return parser.parse_args()


def _photos(folder: Path) -> list[Image]:
    """Every photograph under the folder, in the order of their paths."""
    kinds = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    read = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths)
    photos = [np.asarray(image, np.uint8) for image in read if image is not None]
    if len(photos) < 20:
        raise SystemExit(f"{folder}: {len(photos)} photographs; at least 20 are needed to split")
    return photos


def _pictures(
    photos: list[Image], variants: int, drawn_share: float, seed: int
) -> tuple[Pictures, NDArray[np.int64]]:
    """Views (N, 320, 320, 3) BGR and labels (N,), each from its own generator."""
    plan = [
        (photo, label, variant)
        for photo in range(len(photos))
        # "ok" borders on all the others, so it gets twice as many.
        for label, name in enumerate(LABELS)
        for variant in range(variants * (2 if name == "ok" else 1))
    ]

    def picture(entry: tuple[int, int, int]) -> Image:
        photo, label, _ = entry
        rng = np.random.default_rng([seed, *entry])
        image = drawn(rng) if rng.random() < drawn_share else photos[photo]
        return view(degrade(image, LABELS[label], rng))

    pictures = np.stack([picture(entry) for entry in plan])
    return pictures, np.array([label for _, label, _ in plan], np.int64)


def _rounds(
    photos: list[Image], count: int, seed: int
) -> Iterator[tuple[Pictures, NDArray[np.int64]]]:
    """Freshly degraded pictures, the next round's being drawn while this one is in use."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_pictures, photos, 1, DRAWN_SHARE, seed)
        for number in range(1, count + 1):
            current = following.result()
            if number < count:
                following = pool.submit(_pictures, photos, 1, DRAWN_SHARE, seed + 1000 * number)
            yield current


def _batch(pictures: Pictures) -> torch.Tensor:
    """(N, H, W, 3) BGR bytes → (N, 3, H, W) RGB normalised."""
    pixels = torch.from_numpy(np.ascontiguousarray(pictures[..., ::-1]))
    # Contiguous NCHW: the backward pass of channels-last depthwise convolutions in torch 2.13's CPU
    # build corrupts the heap.
    return ((pixels.permute(0, 3, 1, 2).float() - MEAN) / SCALE).contiguous()


def _trained(photos: list[Image], options: argparse.Namespace, begun: float) -> Network:
    """The network after all rounds; its IR is written after every second one, and at the end."""
    network = Network()
    steps = options.rounds * PASSES * (len(photos) * (len(LABELS) + 1) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    rng = np.random.default_rng(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    for number, (pictures, labels) in enumerate(_rounds(photos, options.rounds, options.seed), 1):
        side = next(side for share, side in SIDES if number <= share * options.rounds)
        network.train()
        losses, right = [], 0
        for _ in range(PASSES):
            order = rng.permutation(len(pictures))
            for first in range(0, len(pictures) - BATCH + 1, BATCH):
                chosen = order[first : first + BATCH]
                pixels = _window(_batch(pictures[chosen]), side, rng)
                wanted = torch.from_numpy(labels[chosen])
                logits = network(pixels)
                loss = nn.functional.cross_entropy(logits, wanted, label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                right += int((logits.argmax(1) == wanted).sum())
        print(
            f"round {number:2}/{options.rounds}, {side} px: loss {np.mean(losses):.4f}, right "
            f"{right / (len(losses) * BATCH):.3f}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        if number % 2 == 0 or number == options.rounds:
            write_ir(network, options.out / "photo_quality.xml")
    network.eval()
    return network


def _window(pixels: torch.Tensor, side: int, rng: np.random.Generator) -> torch.Tensor:
    """A random (side, side) window of a batch, turned and mirrored: no quality has a direction."""
    top, left = (int(at) for at in rng.integers(0, VIEW - side + 1, 2))
    pixels = pixels[..., top : top + side, left : left + side]
    if rng.random() < 0.5:
        pixels = pixels.flip(3)
    if rng.random() < 0.5:
        pixels = pixels.flip(2)
    if rng.random() < 0.5:
        pixels = pixels.transpose(2, 3)
    return pixels.contiguous()


def _report(what: str, network: Network, pictures: Pictures, labels: NDArray[np.int64]) -> None:
    """Print accuracy per class, their mean, and the confusion matrix in percent of each row."""
    with torch.no_grad():
        answers = np.concatenate(
            [
                network(_batch(pictures[i : i + BATCH])).argmax(1).numpy()
                for i in range(0, len(pictures), BATCH)
            ]
        )
    counts = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(counts, (labels, answers), 1)
    shares = counts / counts.sum(1, keepdims=True)
    print(f"\n{what}: mean of the classes {np.diag(shares).mean():.3f} ({len(labels)} pictures)")
    print(f"{'is / answered (%)':>18} " + " ".join(f"{name[:9]:>9}" for name in LABELS))
    for name, row in zip(LABELS, shares, strict=True):
        print(f"{name:>18} " + " ".join(f"{100 * share:9.1f}" for share in row))


if __name__ == "__main__":
    main()
