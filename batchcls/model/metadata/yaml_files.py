"""Reads YAML that others wrote, with PyYAML's `BaseLoader`.

Of PyYAML's safe loaders it is the one that makes nothing but texts, lists and mappings: no tag is
obeyed, no key is merged (merging anchors into each other fills any memory), and a class called `no`
keeps its name.
"""

from pathlib import Path
from typing import Any

from batchcls.errors import ModelError

_MAX_BYTES = 1_000_000
"""A thousand classes take 25,000."""


def read(path: Path) -> dict[Any, Any]:
    """The file's mapping; empty where it holds something else.

    Raises:
        ModelError: it cannot be read, is too large, or is not YAML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise ModelError(f"{path} is over {_MAX_BYTES:,} bytes, too large for metadata")
    return parse(data, str(path))


def parse(data: bytes, name: str) -> dict[Any, Any]:
    """The mapping in a file's bytes; `name` is the file, for messages.

    Raises:
        ModelError: it is not YAML.
    """
    found = parse_any(data, name)
    return found if isinstance(found, dict) else {}


def parse_any(data: bytes, name: str) -> Any:
    """Texts, lists and mappings, as they stand in a file.

    Raises:
        ModelError: it is not YAML.
    """
    import yaml  # not above: few models have such a file

    try:
        return yaml.load(data, yaml.BaseLoader)  # noqa: S506 - it makes texts alone, see above
    except RecursionError as error:
        raise ModelError(f"{name} is not valid YAML: nested too deeply") from error
    except Exception as error:  # YAMLError, and what Python raises for impossible escapes
        raise ModelError(f"{name} is not valid YAML: {_reason(error)}") from error


def shown(value: Any) -> str:
    """For a message. Texts alone: by anchors, a list of a few bytes may hold a billion others."""
    if isinstance(value, str):
        return repr(value[:60])
    return "a list" if isinstance(value, list) else "a mapping"


def _reason(error: Exception) -> str:
    """What is wrong, and in which line, in one line itself."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    problem = getattr(error, "problem", None) or str(error)
    return where + problem.partition("\n")[0]
