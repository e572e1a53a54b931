"""What was resolved, as JSON data: for `inspect`, the manifest, and the fingerprint."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.job import Job
from batchcls.model.core import versions
from batchcls.model.load import Loaded


def describe(
    job: Job,
    loaded: Loaded,
    devices: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
    computed: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that a classifier resolved.

    Args:
        job: the run.
        loaded: the model.
        devices: one for each ring.
        warnings: for people.
        computed: what of the devices changes answers.

    Returns:
        JSON data; "fingerprint" holds exactly the keys that change answers, flat.
    """
    pre = loaded.pre.as_dict()
    hashed = hashlib.sha256(json.dumps(loaded.labels).encode()).hexdigest()
    activation = loaded.activation.kind
    found = versions()
    precision = computed["precision"]
    return {
        "model": {
            "name": loaded.path.name,
            "path": str(loaded.path),
            "inputs": loaded.inputs,
            "outputs": loaded.outputs,
        },
        "devices": [dict(device) for device in devices],
        "preprocess": pre,
        "origin": loaded.origins,
        "labels": {
            "count": len(loaded.labels),
            "sha256": hashed,
            "first": list(loaded.labels[:3]),
        },
        "activation": activation,
        "threshold": loaded.threshold,
        "int8": computed["int8"],
        "precision": dict(precision),
        "warnings": list(warnings),
        "versions": found,
        "fingerprint": {
            **{f"preprocess.{key}": value for key, value in pre.items()},
            "labels": hashed,
            "activation": activation,
            "threshold": loaded.threshold,
            "top": job.top or loaded.top,
            "devices": list(computed["devices"]),
            "int8": computed["int8"],
            **{f"precision.{name}": value for name, value in precision.items()},
            **{f"version.{name}": version for name, version in found.items()},
        },
    }
