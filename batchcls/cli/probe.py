"""``batchcls inspect MODEL --probe DIR``: tries preprocessings on some of the user's own images."""

import shlex
from collections.abc import Sequence
from typing import Any

from batchcls.backends.localised import localised
from batchcls.cli.probe_images import take
from batchcls.cli.probe_report import render_trials
from batchcls.cli.terminal import print_json, print_result
from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.job.typed import flags
from batchcls.model.compile import load
from batchcls.model.devices import core
from batchcls.model.probe import Trial, probe
from batchcls.report.classes import Classes
from batchcls.report.matching import find_matching
from batchcls.report.truth import FolderTruths, Truth, read

REPEATED = ("model", "labels", "score_output", "activation", "layout", "int8")
"""Options that the pasted command repeats from the probe's own."""


def probe_model(job: Job, folder: str, truth_file: str | None, most: int, *, as_json: bool) -> int:
    """Print which preprocessing fits a model, best first.

    Args:
        job: model, labels, device; its own preprocessing is among what is tried.
        truth_file: what they show; None = their folders' names, where those are labels.
        as_json: for programs.

    Raises:
        BatchclsError: the model, the images or the truth cannot be used.
    """
    named, job = job, localised(job)
    sample = take(folder, read(truth_file) if truth_file else FolderTruths(), most)
    labels = load.load(job, core.open_core(job)).metadata.labels
    truths = _indices(sample.truths, labels)
    known = sum(index is not None for index in truths)
    if truth_file and not known:
        raise UsageError(
            f"truth file {truth_file}: no row fits these images and the model's labels"
        )
    trials = [_plain(trial) for trial in probe(job, sample.pixels, truths if known else None)]
    found = {
        "images": len(sample.pixels),
        "unreadable": sample.unreadable,
        "with_truth": known,
        "command": command(named, folder, trials[0]["flags"]),
        "trials": trials,
    }
    if as_json:
        print_json(found)
    else:
        print_result(render_trials(found))
    return 0


def _indices(truths: Sequence[Truth | None], labels: Sequence[str]) -> list[int | None]:
    """Truths as the model's class indices; None where it is not sure which one is meant."""
    matching = find_matching(((t, ()) for t in truths if t is not None), Classes.of(labels))
    meant = [matching.meant(t) if t is not None else frozenset[int]() for t in truths]
    return [next(iter(found)) if len(found) == 1 else None for found in meant]


def command(job: Job, folder: str, chosen: str) -> str:
    """The run that the winner means, ready to paste."""
    repeated = {key: value for key in REPEATED if (value := getattr(job, key)) is not None}
    words = [shlex.join(["batchcls", "run", folder]), flags(repeated)]
    if not chosen and job.preprocess:
        words.append(flags({"preprocess": job.preprocess}))
    return " ".join(word for word in [*words, chosen] if word)


def _plain(trial: Trial) -> dict[str, Any]:
    return {
        "name": trial.way.name,
        "options": trial.way.options,
        "flags": flags(trial.way.options),
        "accuracy": trial.worth.accuracy,
        "bits": trial.worth.bits,
        "confidence": trial.confidence,
        "level": trial.level,
        "int8": trial.int8,
        "milliseconds": trial.milliseconds,
    }
