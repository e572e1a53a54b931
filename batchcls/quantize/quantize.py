"""The story of a quantisation: choose images, calibrate, write, compare with the original."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.errors import ImageError, ModelError, RefusedError, UndecidedError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model import export
from batchcls.model.aside import aside, put
from batchcls.model.choosing import Choosing
from batchcls.model.compile import load
from batchcls.model.compile.model_metadata import ModelMetadata, leave_undecided
from batchcls.model.devices.core import open_core
from batchcls.model.exported import of_export
from batchcls.model.infer.classifier import Classifier
from batchcls.quantize import calibrate, compare
from batchcls.quantize.compare import Comparison
from batchcls.quantize.images import Chosen, choose, pictures
from batchcls.report.truth import Truths
from batchcls.sources.sample import Sample, sample

MOST_TRIED = 96
"""Images that decide which preprocessing is guessed, where nothing says it."""


def quantize(
    job: Job,
    out: Path,
    *,
    truths: Truths,
    accept: Callable[[Comparison], bool],
    calibration: int,
    held_out: int,
    max_drop: float | None = None,
    guess_allowed: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    sample: Sample = sample,
) -> Comparison:
    """Write a job's model as INT8, if it is found good.

    Args:
        job: sources, model, labels, preprocessing; the device that both are compared on.
        out: the .xml to write; its .bin goes beside it.
        accept: whether to write the result; called before anything stands under `out`.
        calibration: images to calibrate on, at most.
        held_out: other images to compare on, at most.
        max_drop: share of right answers (where no truth is known: of the original's answers) that
            may be lost; layers go back to floating point until no more are. None: all is quantised.
        guess_allowed: calibrate on a guess where the model does not say how its images are
            preprocessed.
        tell: notes for people.
        sample: takes the images from the sources.

    Returns:
        How the two compare; `out` is written if `accept` said so.

    Raises:
        BatchclsError: model, images or NNCF do not allow it.
    """
    export.check_name(out)
    calibrate.load_nncf()
    loaded = load.load(job, core := open_core(job))
    calibrate.check(loaded)
    if loaded.metadata.guesses and not guess_allowed:
        raise RefusedError(
            f"{' '.join(loaded.metadata.guesses)}\nhint: calibration builds the preprocessing "
            "into the INT8 model. Say what is right with `--preprocess` or the options for single "
            "values; `--yes` quantises with the guess"
        )
    if not out.parent.is_dir():
        raise ModelError(f"cannot write {out}: {out.parent} is not a directory")
    guess = _decided(job, loaded.metadata, tell, sample)
    if guess:
        loaded = load.load(job, core, guess)
    for warning in loaded.metadata.warnings:
        tell(f"warning: {warning}")
    with ExitStack() as stack:
        folder = stack.enter_context(aside(out))
        original = _open(job, stack, guess)
        tell("Reading images …")
        chosen = choose(job, original.prepare, calibration, held_out, sample)
        tell(f"Calibrating on {len(chosen.calibration):,} images …")
        inputs = calibrate.model_inputs(loaded, core, [p.tensor for p in chosen.calibration])
        if max_drop is None:
            model = calibrate.quantise(loaded, inputs)
        else:
            hit = _hits(original, chosen, truths, loaded.metadata.labels)
            model = calibrate.quantise_within(loaded, inputs, hit, max_drop)
        # Read once more: NNCF has had the first in its hands.
        fresh = load.load(job, open_core(job), guess)
        written = export.write(fresh, model, folder / out.name)
        tell(f"Comparing on {len(chosen.held_out):,} other images …")
        exported = replace(of_export(job, written), activation=job.activation)
        quantised = _open(exported, stack)
        found = _compare(
            original, quantised, chosen, truths, loaded.metadata.labels, (loaded.path, written)
        )
        if accept(found):
            put(written, out)
        return found


def _decided(job: Job, known: ModelMetadata, tell: Callable[[str], None], sample: Sample) -> str:
    """Which preprocessing to guess, as a run over these images would; "" = the most usual."""
    try:
        leave_undecided(None, known)
    except UndecidedError:
        choice = Choosing(job).choose(pictures(job, MOST_TRIED, sample))
        tell(choice.words)
        return choice.name
    return ""


def _open(job: Job, stack: ExitStack, guess: str = "") -> Classifier:
    # Not cached: the second of the two is in a temporary folder, and goes by another name later.
    job = replace(job, device=job.device[:1], cache=False)
    classifier = Classifier.open(job, Threads(), guess)
    stack.callback(classifier.close)
    return classifier


def _hits(
    original: Classifier, chosen: Chosen, truths: Truths, labels: tuple[str, ...]
) -> Callable[[int, Any], bool]:
    """Whether scores of a calibration image are right; truth unknown: as the original's."""
    answers = compare.answers(original, chosen.calibration)
    known, matching = compare.known_truths(truths, chosen.calibration, answers, labels)

    def hit(number: int, scores: Any) -> bool:
        try:
            answer = original.outcome(scores)
        except ImageError:
            return False
        truth = known[number]
        if truth is None:
            return compare.agreement([answer], [answers[number]]) == 1.0
        return matching.rank(truth, answer[:1]) == 0

    return hit


def _compare(
    original: Classifier,
    quantised: Classifier,
    chosen: Chosen,
    truths: Truths,
    labels: tuple[str, ...],
    files: tuple[Path, Path],
) -> Comparison:
    one, other = (compare.answers(c, chosen.held_out) for c in (original, quantised))
    known, matching = compare.known_truths(truths, chosen.held_out, one, labels)
    shares, count = compare.accuracy(known, matching, one, other)
    first, second = (_mbytes(file) for file in files)
    return Comparison(
        calibrated_on=len(chosen.calibration),
        held_out=len(chosen.held_out),
        unusable=chosen.unusable,
        agreement=compare.agreement(one, other),
        known=count,
        accuracy=(shares[0], shares[1]) if count else None,
        note=matching.note if count else "",
        fps=compare.speeds(original, quantised, chosen.held_out),
        mbytes=(first, second),
    )


def _mbytes(model: Path) -> float:
    parts = [model] if model.suffix != ".xml" else [model, model.with_suffix(".bin")]
    return sum(part.stat().st_size for part in parts if part.is_file()) / 1e6
