"""What was resolved, as JSON data: for `inspect`, the manifest, and the fingerprint."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchcls.job.job import Job
from batchcls.model.compile.model_metadata import ModelMetadata
from batchcls.model.devices.core import versions

MOST_LABELS = 1 << 20
"""Characters of all labels together above which they are not noted; 20,000 classes stay below."""


def describe(
    job: Job,
    path: Path,
    metadata: ModelMetadata,
    devices: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
    computed: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that a classifier resolved.

    Args:
        metadata: what is known about the model.
        devices: one for each ring.
        warnings: for people.
        computed: what of the devices changes answers, and the state of the files that were read.

    Returns:
        JSON data; "fingerprint" holds exactly the keys that change answers, flat.
    """
    pre = metadata.pre.as_dict()
    labels = json.dumps(metadata.labels)
    hashed = hashlib.sha256(labels.encode()).hexdigest()
    activation = metadata.activation.kind
    found = versions()
    precision = computed["precision"]
    return {
        "model": {
            "name": path.name,
            "path": str(path),
            "inputs": metadata.inputs,
            "outputs": metadata.outputs,
            "files": list(computed["files"]),
        },
        "devices": [dict(device) for device in devices],
        "preprocess": pre,
        "origin": metadata.origins,
        "labels": {
            "count": len(metadata.labels),
            "sha256": hashed,
            "names": list(metadata.labels) if len(labels) <= MOST_LABELS else [],
        },
        "activation": activation,
        "threshold": metadata.threshold,
        "int8": computed["int8"],
        "precision": dict(precision),
        "hardware": dict(computed["hardware"]),
        "echo": {},
        "backbone": metadata.backbone,
        "warnings": list(warnings),
        "versions": found,
        "fingerprint": {
            **({"features": list(metadata.features)} if metadata.features else {}),
            **{f"preprocess.{key}": value for key, value in pre.items()},
            "labels": hashed,
            "score_output": job.score_output,
            "activation": activation,
            "threshold": metadata.threshold,
            "top": job.top or metadata.usual_top,
            "devices": list(computed["devices"]),
            "int8": computed["int8"],
            **{f"precision.{name}": value for name, value in precision.items()},
            **{f"version.{name}": version for name, version in found.items()},
        },
    }
