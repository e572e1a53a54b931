"""Trains the built-in model of photo quality from a folder of photographs, and writes its IR.

    python -m venv /opt/train && /opt/train/bin/pip install torch openvino opencv-python-headless
    /opt/train/bin/python jobs/train_builtin.py ../shared/data/photos --seed 7

Photographs are split, not pictures: what is reported is on photographs that no weight has seen.
Deterministic for a seed, the same machine and the same versions. Needs about 5 GB of memory.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from builtin_degradations import LABELS, VIEW, Image, degrade, view
from builtin_drawings import drawn
from builtin_network import MEAN, SCALE, Network, write_ir
from numpy.typing import NDArray
from torch import nn

Pictures = NDArray[np.uint8]
HELD_OUT_SHARE = 80 / 300
DRAWN_SHARE = 0.12
BATCH = 32
# Statistics need no whole picture: most epochs see a window, at half the cost; the last, all.
WINDOW, WHOLE_EPOCHS = 240, 3


def main() -> None:
    """Split, degrade, train, report, write."""
    options = _options()
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)
    cv2.setNumThreads(1)
    begun = time.monotonic()
    photos = _photos(options.photos)
    order = np.random.default_rng(options.seed).permutation(len(photos))
    held = round(len(photos) * HELD_OUT_SHARE)
    unseen, seen = ([photos[i] for i in part] for part in (order[:held], order[held:]))
    print(f"{len(seen)} photographs to train on, {len(unseen)} held out")

    pictures, labels = _pictures(seen, options.variants, DRAWN_SHARE, options.seed)
    print(f"{len(pictures)} training pictures after {time.monotonic() - begun:.0f} s", flush=True)
    network = _trained(pictures, labels, options.epochs, begun)
    del pictures

    _report("held-out photographs", network, *_pictures(unseen, 4, 0.0, options.seed + 1_000_003))
    _report("drawn pictures", network, *_pictures(unseen[:40], 2, 1.0, options.seed + 2_000_003))
    options.out.mkdir(parents=True, exist_ok=True)
    write_ir(network, options.out / "photo_quality.xml")
    print(f"wrote {options.out / 'photo_quality.xml'} after {time.monotonic() - begun:.0f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder of photographs, searched recursively")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--variants", type=int, default=6, help="pictures per photograph and class")
    parser.add_argument("--epochs", type=int, default=14)
    builtin = Path(__file__).resolve().parent.parent / "batchcls" / "builtin"
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
        # "ok" borders on all the others, so it gets half as many again.
        for label, name in enumerate(LABELS)
        for variant in range(variants + (variants // 2 if name == "ok" else 0))
    ]

    def picture(entry: tuple[int, int, int]) -> Image:
        photo, label, _ = entry
        rng = np.random.default_rng([seed, *entry])
        image = drawn(rng) if rng.random() < drawn_share else photos[photo]
        return view(degrade(image, LABELS[label], rng))

    with ThreadPoolExecutor(2) as pool:
        pictures = np.stack(list(pool.map(picture, plan)))
    return pictures, np.array([label for _, label, _ in plan], np.int64)


def _batch(pictures: Pictures) -> torch.Tensor:
    """(N, H, W, 3) BGR bytes → (N, 3, H, W) RGB normalised."""
    pixels = torch.from_numpy(np.ascontiguousarray(pictures[..., ::-1]))
    # Contiguous NCHW: the backward pass of channels-last depthwise convolutions in torch 2.13's CPU
    # build corrupts the heap.
    return ((pixels.permute(0, 3, 1, 2).float() - MEAN) / SCALE).contiguous()


def _trained(pictures: Pictures, labels: NDArray[np.int64], epochs: int, begun: float) -> Network:
    network = Network()
    steps = epochs * (len(pictures) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    rng = np.random.default_rng(0)
    for epoch in range(epochs):
        network.train()
        total, right = 0.0, 0
        side = WINDOW if epoch < epochs - WHOLE_EPOCHS else VIEW
        order = rng.permutation(len(pictures))
        for step in range(len(pictures) // BATCH):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            top, left = (int(at) for at in rng.integers(0, VIEW - side + 1, 2))
            pixels = _batch(pictures[chosen, top : top + side, left : left + side])
            wanted = torch.from_numpy(labels[chosen])
            # Turned and mirrored: no quality has a direction.
            if rng.random() < 0.5:
                pixels = pixels.flip(3)
            if rng.random() < 0.5:
                pixels = pixels.flip(2)
            if rng.random() < 0.5:
                pixels = pixels.transpose(2, 3)
            logits = network(pixels)
            loss = loss_of(logits, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            right += int((logits.argmax(1) == wanted).sum())
        print(
            f"epoch {epoch + 1:2}/{epochs}: loss {total / (step + 1):.4f}, "
            f"right {right / ((step + 1) * BATCH):.3f}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    network.eval()
    return network


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
