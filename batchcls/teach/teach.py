"""The story of teaching: look at the examples, learn a head, try the model, give it its name."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.display.text import safe
from batchcls.errors import ModelError, SourceError
from batchcls.job.job import Job
from batchcls.model import export
from batchcls.model.aside import aside, put
from batchcls.model.compile import load
from batchcls.model.devices.core import open_core
from batchcls.model.exported import of_export
from batchcls.model.files.backbone import backbone
from batchcls.model.files.find import model_hash, model_path
from batchcls.model.graph import features, new_head
from batchcls.model.metadata.model_info import OWN_ROOT
from batchcls.results.rundir import RunPaths
from batchcls.sources.sample import Sample, sample
from batchcls.teach import examples as finding
from batchcls.teach import head, seeing
from batchcls.teach.estimate import Estimate, estimate
from batchcls.teach.folds import FOLDS, folds, near_duplicates
from batchcls.teach.head import Learnt
from batchcls.teach.seeing import Run, Seen
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
    *,
    run: Run,
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
        run: carries out a job to its end, as `batchcls run` does.

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
    with aside(out) as folder:
        try:
            seen = seeing.look(job, found, folder, run, tell)
            learnt, known = learn(seen)
            loaded = load.load(job, open_core(job), seen.guess)
            tensor = features.find(loaded.model, loaded.scores).name
            of = loaded.metadata.backbone or backbone(
                model_hash(model_path(job.model)), tensor, job.score_output
            )
            linear = [part.astype(np.float32) for part in learnt.linear]
            taught = new_head.with_head(loaded, linear[0], linear[1], tuple(known.classes))
            _describe(taught.model, seen, learnt, known, of)
            written = export.write(taught, taught.model, folder / out.name)
            _try(replace(of_export(job, written), cache=False), seen, learnt, folder, run)
        except OSError as error:
            raise ModelError(f"cannot write {out}: {error.strerror or error}") from error
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


def _try(job: Job, seen: Seen, learnt: Learnt, folder: Path, run: Run) -> None:
    """See that what was written answers as what was learnt."""
    paths = RunPaths.of(folder / "tried.jsonl")
    lines = seeing.labelled(job, list(seen.files.values()), paths, run)
    for place, file in seen.files.items():
        expected = _softmax(learnt.linear.logits(seen.features[place : place + 1])[0])
        top = lines[file].top
        if not top or any(abs(one.score - expected[one.index]) > FAR_OFF for one in top):
            raise ModelError("the model that was written answers otherwise than what was learnt")


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.exp(logits - logits.max())
    found /= found.sum()
    return found
