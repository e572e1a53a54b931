"""Writes a job as a TOML job file: what differs from the defaults, and the layout. Pure."""

import json
from dataclasses import fields
from typing import Any

from batchcls.job.job import Job
from batchcls.running.allocation import Allocation

_NOT_OF_A_FILE = frozenset({"fresh", "extend", "retry_failed", "debug"})
_KEYS = {"null_separated": "null", "with_facts": "with"}


def job_text(job: Job, layout: Allocation, first: str = "") -> str:
    """A job file; read by `batchcls.job.file.load`, it gives this job in this layout.

    Args:
        job: what was tuned.
        layout: what won.
        first: a comment for its first line.
    """
    numbers = {
        "workers": layout.workers,
        "nthreads": layout.nthreads,
        "nstreams": layout.nstreams,
        "nireq": layout.nireq,
        "decode_threads": layout.decode_threads,
        "batch_size": layout.batch_size,
    }
    lines = [f"# {line}" for line in first.splitlines()]
    for field in fields(Job):
        value = numbers.get(field.name, getattr(job, field.name))
        if field.name in _NOT_OF_A_FILE or value is None:
            continue
        if field.name not in numbers and value == field.default:
            continue
        if value == "":
            continue
        lines.append(f"{_KEYS.get(field.name, field.name.replace('_', '-'))} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    # JSON's strings, numbers and booleans are TOML's, and so are flat lists of them.
    return json.dumps(list(value) if isinstance(value, tuple) else value)
