"""The story of teaching: look at the examples, learn a head, try the model, give it its name."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.display.text import safe
from batchcls.errors import ModelError, SourceError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model import export
from batchcls.model.aside import aside, put
from batchcls.model.compile import load
from batchcls.model.devices.core import open_core
from batchcls.model.files.backbone import backbone
from batchcls.model.files.find import model_hash, model_path
from batchcls.model.graph import features, new_head
from batchcls.model.infer.classifier import Classifier
from batchcls.model.metadata.model_info import OWN_ROOT
from batchcls.sources.sample import Sample, sample
from batchcls.teach import examples as finding
from batchcls.teach import head, seeing
from batchcls.teach.estimate import Estimate, estimate
from batchcls.teach.folds import FOLDS, folds, near_duplicates
from batchcls.teach.head import Learnt
from batchcls.teach.seeing import Seen
from batchcls.version import __version__

FAR_OFF = 0.02
"""Of a probability; more is another model than was taught."""


def teach(
    job: Job,
    out: Path,
    said: Sequence[str] = (),
    images: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
    take: Sample = sample,
) -> Estimate:
    """Write a model of the classes that examples show.

    Args:
        job: sources of examples (see `examples.find`), the model whose features are used, its
            preprocessing, the device that computes them.
        out: the .xml to write; its .bin goes beside it. Neither appears before all is done.
        said: files of corrections.
        images: the folder where the images of corrections are now; None = where they were.
        tell: notes for people.
        take: takes the images of a source.

    Raises:
        BatchclsError: examples, model or scikit-learn do not allow it.
    """
    export.check_name(out)
    head.load_library()
    notes: list[str] = []
    found, _ = finding.find(job, said, images, notes, take)
    for note in notes:
        tell(note)
    if not out.parent.is_dir():
        raise ModelError(f"cannot write {out}: {out.parent} is not a directory")
    loaded = load.load(job, open_core(job))
    for warning in loaded.metadata.warnings:
        tell(f"warning: {warning}")
    with ExitStack() as stack:
        folder = stack.enter_context(aside(out))
        tensor = features.find(loaded.model, loaded.scores).name
        of = loaded.metadata.backbone or backbone(
            model_hash(model_path(job.model)), tensor, job.score_output
        )
        alone = new_head.features_alone(loaded)
        seen = seeing.look(
            open_alone(job, export.write(alone, alone.model, folder / "features.xml"), stack),
            found,
            tell,
        )
        learnt, known = learn(seen)
        fresh = load.load(job, open_core(job))
        linear = [part.astype(np.float32) for part in learnt.linear]
        taught = new_head.with_head(fresh, linear[0], linear[1], tuple(known.classes))
        _describe(taught.model, seen, learnt, known, of)
        written = export.write(taught, taught.model, folder / out.name)
        _try(open_alone(job, written, stack), seen, learnt)
        put(written, out)
    return known


def learn(seen: Seen) -> tuple[Learnt, Estimate]:
    """A head for what was seen, and what it is worth.

    Raises:
        SourceError: fewer than two classes are left.
    """
    labels = tuple(sorted(set(seen.labels)))
    if len(labels) < 2:
        there = f"only of {safe(labels[0])}" if labels else "of none"
        raise SourceError(f"examples that can be read are there {there}; expected two classes")
    classes = np.array([labels.index(label) for label in seen.labels], np.int64)
    groups = near_duplicates(seen.features.astype(np.float32))
    judged = groups.max() > 0
    parted = groups if judged else np.arange(len(classes))
    count = min(FOLDS, int(parted.max()) + 1)
    parts = folds(classes, parted, count)
    learnt = head.learn(seen.features, classes, parts)
    right = learnt.unseen.argmax(1) == classes
    return learnt, estimate(right, classes, groups, labels, count, judged=bool(judged))


def open_alone(job: Job, model: Path, stack: ExitStack) -> Classifier:
    """A model that stands in a temporary folder, on the job's first device."""
    # Not cached: the model is in a temporary folder, and goes by another name later.
    job = replace(export.of_export(job, model), device=job.device[:1], cache=False)
    classifier = Classifier.open(job, Threads())
    stack.callback(classifier.close)
    return classifier


def _describe(model: Any, seen: Seen, learnt: Learnt, known: Estimate, of: str) -> None:
    pairs = [f"{label}\n{digest}\n" for label, digest in zip(seen.labels, seen.hashes, strict=True)]
    found = {
        "batchcls": __version__,
        "examples": dict(Counter(seen.labels)),
        "examples_sha256": hashlib.sha256("".join(pairs).encode()).hexdigest(),
        "backbone": of,
        "C": learnt.strength,
        "temperature": round(learnt.temperature, 6),
        "estimate": known.as_dict(),
    }
    model.set_rt_info(json.dumps(found), [OWN_ROOT, "taught"])


def _try(classifier: Classifier, seen: Seen, learnt: Learnt) -> None:
    """See that what was written answers as what was learnt."""
    found = classifier.rings[0].ask([*seen.tried.values()], seeing.WAIT_S)
    if found is None:
        raise ModelError("the taught model gives no answer; nothing was written")
    for place, scores in zip(seen.tried, found, strict=True):
        expected = _softmax(learnt.linear.logits(seen.features[place : place + 1])[0])
        if np.abs(scores - expected).max() > FAR_OFF:
            raise ModelError("the model that was written answers otherwise than what was learnt")


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.exp(logits - logits.max())
    found /= found.sum()
    return found
