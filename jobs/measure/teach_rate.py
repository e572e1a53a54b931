"""What `batchcls teach` is worth on real photographs: accuracy, estimates, reviews.

    python -m jobs.measure.teach_rate PHOTOS [--truth photos.csv] [--splits 20] [--torch FILE.npz]
    /opt/torch/bin/python -m jobs.measure.teach_rate PHOTOS --write-torch FILE.npz

ImageNet's classes become eight coarse ones. Half of the photographs teach, the other half judges,
in so many random splits: our accuracy beside that of scikit-learn's own cross-validated regression
on torch's features of the same model (`--torch`; else on ours), and whether the interval that
`teach` prints holds the accuracy on the other half. Then reviews: from 40 examples on, 60 pictures
of a folder are looked at, the unsure first or by chance, and all are taught; counted are the errors
left in the folder and those on a hundred others. The features come through `teach`'s own code.
"""

import argparse
import csv
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDIBLE, LIVING = range(924, 970), 398
VEHICLES = frozenset(
    {403, 407, 417, 450, 510, 537, 547, 573, 603, 627, 660, 670, 690, 717, 757, 780, 803, 817}
    | {820, 833, 847, 867, 870, 880}
)
BASE, REVIEWED, OTHERS = 40, 60, 100


def coarse(index: int) -> str | None:
    """One of eight classes for one of ImageNet's; None for scenes, people and plants."""
    if index in VEHICLES:
        return "vehicle"
    if index < LIVING:
        ranges = {
            "dog": [(151, 268)],
            "bird": [(7, 24), (80, 100), (127, 146)],
            "arthropod": [(69, 79), (300, 326)],
            "fish or reptile": [(0, 6), (25, 68), (389, 397)],
            "other mammal": [(101, 106), (147, 150), (269, 299), (330, 388)],
        }
        held = (name for name, its in ranges.items() for a, b in its if a <= index <= b)
        return next(held, None)
    return "food" if index in EDIBLE else "thing" if index < EDIBLE.start else None


def labelled(truth: Path) -> dict[str, str]:
    """File name → class."""
    with truth.open(encoding="utf-8") as file:
        rows = [(row["file"], coarse(int(row["index"]))) for row in csv.DictReader(file)]
    return {name: label for name, label in rows if label is not None}


def torch_features(folder: Path, names: list[str]) -> NDArray[np.float32]:
    """What torch gives before the last layer, by the authors' own code."""
    import torch
    from PIL import Image, ImageOps

    from jobs.parity.imagenet import opened, prepared

    network, found = opened(), []
    for name in names:
        with Image.open(folder / name) as image, torch.no_grad():
            pixels = prepared(ImageOps.exif_transpose(image).convert("RGB"))
            maps = network.extract_features(torch.from_numpy(pixels))
            found.append(maps.mean((2, 3))[0].numpy())
    return np.stack(found)


def our_features(folder: Path, labels: dict[str, str]) -> Any:
    """What `teach` sees of the photographs."""
    from batchcls.backends.localised import with_built
    from batchcls.images import Folder, ImageRef
    from batchcls.job.job import Job
    from batchcls.running.run import run
    from batchcls.teach.examples import Example
    from batchcls.teach.seeing import look

    place = Folder(str(folder.absolute()))
    found = [Example(ImageRef(0, name, place), label) for name, label in labels.items()]
    with tempfile.TemporaryDirectory() as aside:
        return look(with_built(Job(model="imagenet")), found, Path(aside), run, print)


def part(seen: Any, rows: NDArray[np.int64]) -> Any:
    """Some of what was seen."""
    from batchcls.teach.seeing import Seen

    labels, hashes = (tuple(np.array(one)[rows]) for one in (seen.labels, seen.hashes))
    return Seen(seen.features[rows], labels, hashes, {})


def answers(learnt: Any, known: Any, features: NDArray[Any]) -> tuple[Any, Any]:
    """The best class of each, and by how much it leads."""
    logits = learnt.linear.logits(features)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    best = np.sort(chances, 1)
    return np.array(list(known.classes))[logits.argmax(1)], best[:, -1] - best[:, -2]


def split(seen: Any, reference: NDArray[Any], seed: int) -> tuple[float, float, bool]:
    """Accuracy of ours and of the reference on the half that did not teach; the interval holds."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from batchcls.teach.head import STRENGTHS
    from batchcls.teach.teach import learn

    order = np.random.default_rng(seed).permutation(len(seen.labels))
    rows, held = np.sort(order[::2]), order[1::2]
    labels = np.array(seen.labels)
    learnt, known = learn(part(seen, rows))
    ours = float((answers(learnt, known, seen.features[held])[0] == labels[held]).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=list(STRENGTHS), cv=5))
        other.fit(reference[rows], labels[rows])
    theirs = float((other.predict(reference[held]) == labels[held]).mean())
    low, high = known.overall.interval
    return ours, theirs, low <= ours <= high


def review(seen: Any, seed: int, *, unsure: bool) -> tuple[int, int]:
    """Errors left in the folder after 60 pictures of it were looked at, and on a hundred others."""
    from batchcls.teach.teach import learn

    order = np.random.default_rng(seed).permutation(len(seen.labels))
    base, others, folder = order[:BASE], order[-OTHERS:], order[BASE:-OTHERS]
    labels = np.array(seen.labels)
    if unsure:
        _, margin = answers(*learn(part(seen, np.sort(base))), seen.features[folder])
        folder = folder[np.argsort(margin, kind="stable")]
    taught = learn(part(seen, np.sort(np.concatenate([base, folder[:REVIEWED]]))))
    left = folder[REVIEWED:]
    wrong = [
        int((answers(*taught, seen.features[rows])[0] != labels[rows]).sum())
        for rows in (left, others)
    ]
    return wrong[0], wrong[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="teach_rate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--truth", type=Path, help="CSV of file,index; photos.csv beside them")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--torch", type=Path, help="torch's features, as --write-torch wrote them")
    parser.add_argument("--write-torch", type=Path)
    given = parser.parse_args()
    labels = labelled(given.truth or given.photos.with_name("photos.csv"))
    if given.write_torch:
        np.savez(given.write_torch, names=[*labels], rows=torch_features(given.photos, [*labels]))
        return
    from threadpoolctl import threadpool_limits

    seen = our_features(given.photos, labels)
    reference = seen.features.astype(np.float32)
    if given.torch:
        reference = in_our_order(np.load(given.torch), given.photos, seen)
        print(f"features differ by at most {np.abs(reference - seen.features).max():.4f}")
    else:
        print("no --torch: the reference learns on our features")
    with threadpool_limits(1):
        splits = np.array([split(seen, reference, seed) for seed in range(given.splits)])
    ours, theirs = splits[:, 0].mean(), splits[:, 1].mean()
    print(f"{len(seen.labels)} photographs, {given.splits} splits in halves")
    print(f"accuracy   ours {ours:.3f}   scikit-learn {theirs:.3f}   ratio {ours / theirs:.3f}")
    print(f"estimate   its interval holds in {int(splits[:, 2].sum())} of {given.splits}")
    pairs = np.array(
        [[review(seen, n, unsure=how) for how in (True, False)] for n in range(given.splits)]
    )
    for which, where in enumerate(("left in the folder", "on 100 others")):
        unsure, chance = pairs[:, :, which].T
        spread = 2.09 * (chance - unsure).std(ddof=1) / len(pairs) ** 0.5  # Student's t of 20
        print(
            f"errors {where}: unsure first {unsure.mean():.1f}, by chance {chance.mean():.1f}, "
            f"fewer by {(chance - unsure).mean():.1f} ± {spread:.1f}"
        )


def in_our_order(stored: Any, folder: Path, seen: Any) -> NDArray[np.float32]:
    """Torch's rows in the order in which `teach` puts its examples: that of their hashes."""
    import hashlib

    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in stored["names"]]
    rows = dict(zip(digests, stored["rows"], strict=True))
    return np.stack([rows[digest] for digest in seen.hashes])


if __name__ == "__main__":
    main()
