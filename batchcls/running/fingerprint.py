"""What changes answers, as flat keys: what a job asks for, and what a worker made of it.

Two runs with equal fingerprints give equal lines. `asked` is known at once and without OpenVINO, so
that a run that is complete already costs nothing to recognise. `resolved` adds what the model's own
metadata said, and names each difference when an output belongs to another job.
"""

import json
from collections.abc import Mapping
from typing import Any

from batchcls.decode.policy import DecodePolicy
from batchcls.errors import LabelsError, ModelError, UsageError
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.model.files.find import file_hash, model_hash, model_path
from batchcls.results.manifest import VERSION_KEY
from batchcls.version import __version__, computing

RECORD_FORMAT = 2
OPTIONS = (
    "device", "top", "infer_precision", "mean_values", "scale_values", "reverse_input_channels",
    "resize_type", "input_size", "crop_fraction", "interpolation", "layout", "preprocess",
    "strict_devices", "activation", "int8", "score_output", "multilabel", "threshold", "pad_value",
    "fast",
)  # fmt: skip
"""Options of a job that can change answers by themselves."""


def asked(job: Job) -> dict[str, Any]:
    """What a job asks for: options, the bytes of its files, versions of what computes.

    Raises:
        ModelError: the model is missing or cannot be read.
        LabelsError: the labels file cannot be read.
    """
    facts: dict[str, Any] = {name: getattr(job, name) for name in OPTIONS}
    facts["device"] = list(job.device)
    facts["with"] = list(job.facts)
    if job.embeds:
        facts["features"] = job.features or ""
    facts["model"] = model_hash(model_path(job.model))
    facts["labels"] = _hash(job.labels, LabelsError)
    facts["classes"] = _hash(job.classes, LabelsError)
    facts["always"] = _hash(job.always, LabelsError)
    facts["extension"] = [_hash(library, UsageError) for library in job.extension]
    facts["load_config"] = _hash(job.load_config, UsageError)
    facts |= {f"version of {name}": version for name, version in computing().items()}
    return facts | own(job)


def own(job: Job) -> dict[str, Any]:
    """What this version of batchcls contributes, decoding as the job wants it."""
    policy = DecodePolicy.of(job)
    decoding = {f"decode.{key}": value for key, value in policy.as_dict().items()}
    return {VERSION_KEY: __version__, "record format": RECORD_FORMAT, **decoding}


def resolved(
    asked: Mapping[str, Any], description: Mapping[str, Any], named: Mapping[str, int]
) -> dict[str, Any]:
    """The fingerprint: what a worker resolved, the model's bytes, and this version's own part.

    Args:
        named: `InputsList.named`, which says which of the decoders that may be missing count.
    """
    from batchcls.decode import decoders  # when a worker is ready, and not before

    kept = ("model", "with", VERSION_KEY, "record format")
    part = {key: asked[key] for key in asked if key in kept or key.startswith("decode.")}
    decoded_by = decoders.facts(named, raw="decode.raw" in asked)
    return normal({**description["fingerprint"], **part, **decoded_by})


def resumable(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """A fingerprint as it is compared with an earlier one: a decoder may have come since.

    What it decodes are failed images by then, which ``--retry-failed`` does again.
    """
    from batchcls.decode import decoders

    came = [
        key
        for key in now
        if key.startswith(decoders.KEY) and before.get(key, decoders.NONE) == decoders.NONE
    ]
    compared = {key: value for key, value in now.items() if key not in came}
    return compared | {key: before[key] for key in came if key in before}


def normal(facts: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that it compares equal to what the manifest holds."""
    again: dict[str, Any] = json.loads(json.dumps(facts))
    return again


def _hash(path: str | None, error: type[LabelsError | UsageError]) -> str | None:
    if path is None:
        return None
    try:
        return file_hash(expanded(path)).hex()
    except ModelError as reason:
        raise error(str(reason)) from reason
