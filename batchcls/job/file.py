"""Reads TOML job files, and lays the command line's options over them: the flags win."""

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from batchcls.errors import UsageError
from batchcls.job.choices import SHORT_KEYS
from batchcls.job.job import Job
from batchcls.job.paths import expanded

PATHS = frozenset({
    "sources", "model", "labels", "classes", "always", "output", "extension", "plugins",
    "cache_dir", "load_config",
})  # fmt: skip
"""Keys in whose values a leading ``~`` is expanded, since no shell does it for a file."""

_ALIASES = {"input": "sources", **{key: field for field, key in SHORT_KEYS.items()}}
_NUMBERS = ("mean_values", "scale_values", "pad_value")
_TYPES: Mapping[str, Any] = {field.name: field.type for field in fields(Job)}


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The options that a job file sets, checked for type and ready for `merge`.

    Paths in it are meant as on the command line: relative to the current directory.

    Raises:
        UsageError: the file cannot be read, is not TOML, or sets something that is no option.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"job file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"job file {path}: not UTF-8 text (byte {error.start})") from error
    return parse(text, os.fspath(path))


def parse(text: str, name: str = "job file") -> dict[str, Any]:
    """The options that a job file's text sets.

    Args:
        text: TOML. Keys are the long option names, with dashes or underscores.
        name: for messages.

    Raises:
        UsageError: not TOML, or a key or value that no option has.
    """
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: not a TOML file: {error}") from error
    options: dict[str, Any] = {}
    for key, value in table.items():
        field = key.replace("-", "_")
        field = _ALIASES.get(field, field)
        if field not in _TYPES:
            raise UsageError(f"{name}: {_unknown(key)}")
        if field in options:
            raise UsageError(f"{name}: {key} is set twice")
        options[field] = _value(f"{name}: {key}", field, value)
    return options


def merge(file: Mapping[str, Any], flags: Mapping[str, Any]) -> Job:
    """The job that a job file and the command line make together; the command line wins.

    Args:
        flags: only those options that were given.

    Raises:
        UsageError: the values make no sense; see `Job.check`.
    """
    job = Job.from_dict({**file, **flags})
    job.check()
    return job


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key.replace("-", "_"), [*_TYPES, *_ALIASES], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{key} is not an option{hint}"


def _value(where: str, field: str, value: Any) -> Any:
    """A TOML value as the type of this field of `Job`."""
    kinds = get_args(_TYPES[field]) or (_TYPES[field],)
    if str in kinds and Ellipsis in kinds:
        values = value if isinstance(value, list) else [value]
        return tuple(_string(where, field, one) for one in values)
    if bool in kinds:
        if not isinstance(value, bool):
            raise UsageError(f"{where} = {_shown(value)}: must be true or false")
        return value
    if float in kinds or int in kinds:
        number = int | float if float in kinds else int
        if isinstance(value, bool) or not isinstance(value, number):
            kind = "a number" if float in kinds else "a whole number"
            raise UsageError(f"{where} = {_shown(value)}: must be {kind}")
        return float(value) if float in kinds else value
    return _string(where, field, value)


def _string(where: str, field: str, value: Any) -> str:
    """Text; numbers and lists of numbers too where the option's text is such."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if field in ("nstreams", "max_failed", *_NUMBERS):
            return str(value)
    elif isinstance(value, list) and field in _NUMBERS:
        return "[" + ",".join(_string(where, field, one) for one in value) + "]"
    if not isinstance(value, str):
        raise UsageError(f"{where} = {_shown(value)}: must be text in quotes")
    mark, path = ("@", value[1:]) if value.startswith("@") else ("", value)
    if field in PATHS and path.startswith("~"):
        return mark + str(expanded(path))
    return value


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)
