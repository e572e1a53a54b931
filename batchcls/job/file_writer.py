"""Writes a job as a TOML job file: what differs from the defaults. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from batchcls.errors import UsageError
from batchcls.job.choices import key
from batchcls.job.job import Job

_NOT_OF_A_FILE = frozenset(
    {"shard", "fresh", "extend", "retry_failed", "mixed_processors", "debug"}
)


def job_text(job: Job, numbers: Mapping[str, Any], first: str = "") -> str:
    """A job file; read by `batchcls.job.file.load`, it gives this job with these numbers.

    Args:
        numbers: values of fields, in place of the job's own; these are written even where they
            are the defaults. What is not a field of a job is not written.
        first: a comment for the first line.

    Raises:
        UsageError: a name is not UTF-8, which TOML cannot hold.
    """
    import tomli_w

    table: dict[str, Any] = {}
    for field in fields(Job):
        value = numbers.get(field.name, getattr(job, field.name))
        told = field.name in numbers or value != field.default
        if told and field.name not in _NOT_OF_A_FILE and value not in (None, ""):
            _check_text(field.name, value)
            table[key(field.name)] = value
    return "".join(f"# {line}\n" for line in first.splitlines()) + tomli_w.dumps(table)


def _check_text(field: str, value: Any) -> None:
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and not _is_unicode(text):
            raise UsageError(
                f"{key(field)} {text!r} is not UTF-8, so a job file cannot hold it; rename it"
            )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
