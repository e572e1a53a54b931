"""``batchcls inspect MODEL --probe DIR``: tries preprocessings on some of the user's own images.

Which images: spread evenly over the sorted list, so that each class's folder gets its share; the
same ones every time.
"""

import shlex
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcls.cli.terminal import say, say_json
from batchcls.errors import ImageError, SourceError, UsageError
from batchcls.images import ImageRef
from batchcls.job.choices import option
from batchcls.job.job import Job
from batchcls.model.files.find import localised
from batchcls.report import truth
from batchcls.report.columns import columns
from batchcls.report.matching import same_label
from batchcls.report.truth import Truth, Truths

DEFAULT_IMAGES = 40
MOST_BYTES = 1 << 30
"""Of decoded pixels held at once."""

ROWS = 12
"""Of the table; --json has all."""

KEPT = ("model", "labels", "activation", "layout", "int8")
"""Options that the pasted command repeats from the probe's own."""

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Sample:
    """Images to try things on.

    Attributes:
        pixels: (H, W, 3) BGR each.
        truths: one each.
        unreadable: images that were chosen and could not be read.
    """

    pixels: list[Any]
    truths: list[Truth | None]
    unreadable: int


def inspect_probe(
    job: Job, folder: str, truth_file: str | None, images: int | None, *, as_json: bool
) -> int:
    """Print which preprocessing fits a model, best first.

    Args:
        job: model, labels, device; its own preprocessing is among what is tried.
        folder: images.
        truth_file: what they show; None = their folders' names, where those are labels.
        images: at most so many.
        as_json: for machines.

    Raises:
        BatchclsError: the model, the images or the truth cannot be used.
    """
    most = DEFAULT_IMAGES if images is None else images
    if most < 1:
        raise UsageError(f"--images {most}: must be 1 or more")
    job = localised(job)
    truths = truth.read(truth_file) if truth_file else truth.FolderTruths()
    sample = take(folder, truths, most)
    from batchcls.model.compile import load
    from batchcls.model.devices import core
    from batchcls.model.probe import probe

    labels = load.load(job, core.open_core(job)).labels
    known = indices(sample.truths, labels)
    told = sum(index is not None for index in known)
    if truth_file and not told:
        raise UsageError(f"truth file {truth_file}: says nothing that fits these images and labels")
    trials = [
        {**_plain(trial), "flags": flags(trial.options)}
        for trial in probe(job, sample.pixels, known if told else None)
    ]
    found = {
        "images": len(sample.pixels),
        "unreadable": sample.unreadable,
        "with_truth": told,
        "command": command(job, folder, trials[0]["flags"]),
        "trials": trials,
    }
    if as_json:
        say_json(found)
    else:
        say(words(found))
    return 0


def take(folder: str, truths: Truths, most: int) -> Sample:
    """Read and decode a spread of the images below a folder.

    Raises:
        SourceError: there are none, or none that can be read.
    """
    from batchcls.decode.decode import decode
    from batchcls.sources import DEFAULT_MAX_BYTES, InputsReader, freeze, read_image

    with tempfile.TemporaryDirectory(prefix="batchcls-probe-") as directory:
        listed = freeze(Job(sources=(folder,)), Path(directory))
        wanted = spread(listed.count, 2 * most)
        with InputsReader(Path(directory) / "inputs", listed.root) as reader:
            refs = {ref.index: ref for ref in reader if ref.index in set(wanted)}
    sample, room = Sample([], [], 0), MOST_BYTES
    unreadable = 0
    for ref in (refs[index] for index in wanted):
        if len(sample.pixels) == most or room <= 0:
            break
        try:
            pixels = decode(read_image(listed.root, ref.path, DEFAULT_MAX_BYTES))
        except ImageError:
            unreadable += 1
            continue
        room -= pixels.nbytes
        sample.pixels.append(pixels)
        sample.truths.append(_truth(truths, ref, folder))
    if not sample.pixels:
        raise SourceError(f"{folder}: none of the images tried can be read")
    return Sample(sample.pixels, sample.truths, unreadable)


def _truth(truths: Truths, ref: ImageRef, folder: str) -> Truth | None:
    """A file right in the folder has the folder's own name for its class."""
    return truths.of(ref.path) or truths.of(str(Path(folder).resolve() / ref.path))


def spread(count: int, most: int) -> list[int]:
    """Some of `count` indices, evenly spread; so is every beginning of them.

    >>> spread(100, 5)
    [0, 60, 20, 80, 40]
    """
    number = min(count, most)
    chosen = sorted(range(number), key=lambda k: k * _GOLDEN % 1)
    # The golden ratio's multiples, in the order in which they fall, are spread at any length.
    ranked = sorted(range(number), key=chosen.__getitem__)
    return [rank * count // number for rank in ranked]


def indices(truths: Sequence[Truth | None], labels: Sequence[str]) -> list[int | None]:
    """Truths as the model's class indices; None where it is not sure which one is meant.

    Where a truth has index and label, labels tell whether the model counts otherwise, as those
    with a background class do.
    """
    named: dict[str, list[int]] = {}
    for one in truths:
        if one is not None and one.label is not None and one.label not in named:
            label = one.label
            named[label] = [i for i, other in enumerate(labels) if same_label(label, other)]
    votes = Counter(
        index - one.index
        for one in truths
        if one is not None and one.index is not None and one.label is not None
        for index in named[one.label]
    )
    shift = votes.most_common(1)[0][0] if votes else 0
    return [_index(one, named, shift, len(labels)) for one in truths]


def _index(
    one: Truth | None, named: Mapping[str, list[int]], shift: int, classes: int
) -> int | None:
    if one is None:
        return None
    meant = named.get(one.label, []) if one.label is not None else []
    counted = None if one.index is None else one.index + shift
    if len(meant) == 1:
        return meant[0]
    if meant:  # labels that come twice, such as ImageNet's "crane"
        return counted if counted in meant else None
    return counted if counted is not None and 0 <= counted < classes else None


def flags(options: Mapping[str, Any]) -> str:
    """Options of `run` as they are typed into a shell."""
    typed: list[str] = []
    for key, value in options.items():
        if isinstance(value, bool):
            typed.append(option(key) if value else option(key).replace("--", "--no-", 1))
        else:
            typed += [option(key), str(value)]
    return shlex.join(typed)


def command(job: Job, folder: str, chosen: str) -> str:
    """The run that the winner means, ready to paste."""
    kept = {key: value for key in KEPT if (value := getattr(job, key)) is not None}
    words = [shlex.join(["batchcls", "run", folder]), flags(kept)]
    if not chosen and job.preprocess:
        words.append(flags({"preprocess": job.preprocess}))
    return " ".join(word for word in [*words, chosen] if word)


def words(found: Mapping[str, Any]) -> str:
    """The ranking for people."""
    judged = bool(found["with_truth"])
    trials = found["trials"]
    shown = trials[:ROWS]
    by = "right" if judged else "bits"
    rows = [("preprocessing", by, "bits" if judged else "confidence", "int8", "ms")]
    for trial in shown:
        first = f"{trial['accuracy']:.1%}" if judged else f"{trial['bits']:.2f}"
        second = f"{trial['bits']:.2f}" if judged else f"{trial['confidence']:.3f}"
        rows.append((trial["name"], first, second, trial["int8"], f"{trial['milliseconds']:.1f}"))
    parts = [f"Tried on {_of(found)}.", columns(rows, right=(1, 2, 4))]
    if len(trials) > len(shown):
        parts[1] += f"\n… and {len(trials) - len(shown)} more, none better (--json has them)"
    parts += [text for text in (_quantised(trials, judged=judged), _doubt(found)) if text]
    chosen = trials[0]["flags"]
    what = "Best as it is resolved now" if not chosen else f"Best is {trials[0]['name']}"
    return "\n\n".join([*parts, f"{what}:\n  {found['command']}"])


def _quantised(trials: Sequence[Mapping[str, Any]], *, judged: bool) -> str:
    """What the faithful computation of quantised layers costs, or the fast one loses."""
    best, *rest = trials
    other = next((t for t in rest if t["int8"] != best["int8"]), None)
    if other is None:
        return ""
    by_way = {best["int8"]: best, other["int8"]: other}
    told = [
        f"{way} {trial['milliseconds']:.1f} ms per image, "
        + (f"{trial['accuracy']:.1%} right" if judged else f"{trial['bits']:.2f} bits")
        for way, trial in sorted(by_way.items())
    ]
    wanted = "exact" if other["int8"] == "exact" else "fast"
    return (
        f"Quantised layers, with the best preprocessing: {'; '.join(told)}.\n"
        f"Here they are computed {best['int8']}; --int8 {wanted} does otherwise."
    )


def _doubt(found: Mapping[str, Any]) -> str:
    """How far the ranking can be believed."""
    first = found["trials"][0]
    if not found["with_truth"]:
        return (
            "Ranked by what an answer tells about its image (bits): no folder name or --truth says "
            "what the images show. Look at some answers before you believe it."
        )
    right = round(first["accuracy"] * found["with_truth"])
    level = [t for t in found["trials"][1:] if round(t["accuracy"] * found["with_truth"]) == right]
    # Equal bits: the same preprocessing under another name, or the same one in other int8.
    level = [t for t in level if t["name"] != first["name"] and t["bits"] != first["bits"]]
    if not level:
        return ""
    return (
        f"{len(level)} more {'has' if len(level) == 1 else 'have'} as many right, and bits decide: "
        "--images with a larger number tells them apart."
    )


def _of(found: Mapping[str, Any]) -> str:
    told = f"{found['images']:,} images"
    if found["with_truth"]:
        told += f", the truth known of {found['with_truth']:,}"
    return told + (f", {found['unreadable']:,} unreadable" if found["unreadable"] else "")


def _plain(trial: Any) -> dict[str, Any]:
    names = ("name", "options", "accuracy", "bits", "confidence", "int8", "milliseconds")
    return {name: getattr(trial, name) for name in names}
