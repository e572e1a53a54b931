"""Makes the INT8 model of a first look, calibrated on some of the run's images: a process.

Rules of this file:

1. It calibrates on images that choose the margin (`batchcls.running.fast_choice`), never on those
   that test it.
2. It ends in time: what inference takes says on how many images it can calibrate.
3. The model appears in its folder whole, synced, under its hash.
"""

import faulthandler
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import BatchclsError, ImageError, ModelError, RefusedError
from batchcls.job.fast_plan import FOLDERS, INT8, FastPlan
from batchcls.model import export
from batchcls.model.compile import load
from batchcls.model.compile.load import Loaded
from batchcls.model.devices import cpu
from batchcls.model.devices.core import open_core
from batchcls.model.files.find import model_hash
from batchcls.model.infer.classifier import Classifier
from batchcls.model.runtime import Model
from batchcls.quantize import calibrate
from batchcls.sources.ahead import Ahead
from batchcls.wire import leased
from batchcls.wire.start import StartMessage

SHARE = 0.6
"""Of the trial's time: the rest is for looking."""
ANSWER_S = 20.0
FIXED_S, SLOWER = 4.0, 4.0
"""Seconds that it takes without images, and how much slower than plain inference an image is: for
EfficientNet-Lite0 2.5 s and 2.4 times, on a machine with nothing else to do."""
FEWEST = 10
TIMED = 8


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Quantise.

    Args:
        request: "start" of a worker, images as `wire.leased` has them, "folder" of the run;
            "seconds" at most, and "share": at most as much as so many images take.

    Returns:
        "model": its hash, "" where there is none; "refused": why; "spent": seconds.
    """
    began = time.monotonic()
    load_opencv().setNumThreads(1)
    faulthandler.dump_traceback_later(2 * request["seconds"] + 3 * ANSWER_S, exit=True)
    try:
        found = {"model": _quantise(request), "refused": ""}
    except BatchclsError as error:
        found = {"model": "", "refused": str(error)}
    return {**found, "spent": time.monotonic() - began}


def _quantise(request: Mapping[str, Any]) -> str:
    start = StartMessage.from_json(request["start"])
    job, guess = start.job, start.guess or ""
    core = open_core(job)
    loaded = load.load(job, core, guess)
    calibrate.check(loaded)
    exact = Classifier.open(job, start.threads, guess)
    images, tensors = list(leased.from_json(request)), list[Any]()
    # Large pictures decoded smaller: quicker, and for ranges of activations good enough.
    policy, source, timed = replace(DecodePolicy.of(job), reduced=True), Ahead(images), 0.0
    at_least = policy.at_least(exact.needs)
    enough, large = len(images), 0
    reading = time.monotonic()
    for number, image in enumerate(images):
        if len(tensors) >= enough:
            break
        try:
            picture = decode_picture(source.read(image), policy, at_least)
            tensors.append(exact.prepare(picture))
        except ImageError:
            continue
        large += picture.scale > 1
        if len(tensors) == TIMED:
            prepared_s = (time.monotonic() - reading) / (number + 1)
            enough, timed = _enough(request, exact, tensors, prepared_s, 2 * large > TIMED)
    if len(tensors) < FEWEST:
        raise RefusedError("too few images to calibrate on")
    faulthandler.dump_traceback_later(max(2 * timed, ANSWER_S), exit=True)
    inputs = calibrate.model_inputs(loaded, core, tensors)
    # With all 8 bits, EfficientNet-Lite0's logits are off by a quarter less.
    model = calibrate.quantise(loaded, inputs, room=not cpu.has("vnni"))
    # Read once more: NNCF has had the first in its hands.
    return _kept(load.load(job, core, guess), model, Path(request["folder"]))


def _enough(
    request: Mapping[str, Any],
    exact: Classifier,
    tensors: Sequence[Any],
    prepared_s: float,
    large: bool,
) -> tuple[int, float]:
    """On how many images there is time to calibrate, and the seconds that it may take.

    Raises:
        RefusedError: on too few; or the pictures are so large that it would win next to nothing,
            and take the time that there is to look at smaller ones.
    """
    exact.rings[0].ask(tensors, ANSWER_S)  # the first time, memory is cold
    began = time.monotonic()
    exact.rings[0].ask(tensors, ANSWER_S)
    exact_s = (time.monotonic() - began) / len(tensors)
    if large and exact_s < prepared_s:
        raise RefusedError("decoding takes most of an image's time, and it would win little")
    may = SHARE * min(request["seconds"], request["share"] * (prepared_s + exact_s))
    enough = int((may - FIXED_S) / (prepared_s + SLOWER * exact_s))
    if enough < FEWEST:
        raise RefusedError("the run is too short for it")
    return enough, may


def _kept(loaded: Loaded, model: Model, folder: Path) -> str:
    """Write the model into the run's folder; its hash."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=FOLDERS) as aside:
            place = Path(aside) / "whole"
            place.mkdir()
            written = export.write(loaded, model, place / "model.xml")
            for path in (written, written.with_suffix(".bin"), place):
                descriptor = os.open(path, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
            digest = model_hash(written)
            final = FastPlan(INT8, model=digest).model_in(folder)
            if not final.exists():
                place.rename(final.parent)
    except OSError as error:
        raise ModelError(f"cannot write {folder}: {error.strerror}") from error
    return digest
