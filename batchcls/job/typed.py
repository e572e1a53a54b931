"""Writes options and commands as they are typed into a shell. Pure."""

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from batchcls.job.choices import option
from batchcls.job.job import Job

LONGEST = 300
"""Characters of a command that is still worth showing: a shell may have made thousands of names."""

_OF_ONCE = frozenset({"sources", "fresh", "extend", "retry_failed", "embeddings", "debug"})
"""Fields that another run does not repeat, or not as options."""


def flags(options: Mapping[str, Any]) -> str:
    """Options of `run`, by field of `Job`."""
    typed: list[str] = []
    for field, value in options.items():
        if isinstance(value, bool):
            typed.append(option(field) if value else option(field).replace("--", "--no-", 1))
        elif isinstance(value, tuple):
            for one in value:
                typed += [option(field), str(one)]
        else:
            typed += [option(field), f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(typed)


def command(job: Job, **more: Any) -> str:
    """The run of a job with some more options; those alone, where all of it would be too long.

    Args:
        more: values by field, in place of the job's own.
    """
    differing = {
        field.name: value
        for field in fields(Job)
        if field.name not in _OF_ONCE and (value := getattr(job, field.name)) != field.default
    }
    words = ["batchcls run", shlex.join(job.sources), flags({**differing, **more})]
    typed = " ".join(word for word in words if word)
    return typed if len(typed) <= LONGEST else f"batchcls run … {flags(more)}"
