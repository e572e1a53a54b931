"""What Ultralytics writes beside an exported model: `metadata.yaml`.

Read with PyYAML's `BaseLoader`, of its safe loaders the one that makes nothing but texts, lists and
mappings: no tag is obeyed, no key is merged (merging anchors into each other fills any memory), and
a class called `no` keeps its name.
"""

from pathlib import Path
from typing import Any

from batchcls.errors import LabelsError, ModelError
from batchcls.model.metadata import labels
from batchcls.model.preprocess.settings import Settings

FILE = "metadata.yaml"

_MAX_BYTES = 1_000_000
"""A thousand classes take 25,000."""


def settings(path: Path) -> Settings:
    """What `metadata.yaml` says; silent where there is no such file, or it is of another tool.

    Ultralytics's classification transforms: resize the shortest edge to `imgsz` with Pillow's
    bilinear, centre crop, RGB, divide by 255; a size that is not square is stretched to.

    Raises:
        ModelError: the model is for another task, or the file cannot be understood.
        LabelsError: names that are not one for each class.
    """
    values = _read(path)
    if "task" not in values and "names" not in values:
        return Settings()
    task = values.get("task", "classify")
    if task != "classify":
        raise ModelError(f"{path}: the model's task is {_shown(task)}, not classification")
    height, width = _size(values.get("imgsz", "224"), path)
    square = height == width
    return Settings(
        height=height,
        width=width,
        resize_type="shortest_edge" if square else "standard",
        resize_to=(height, width) if square else None,
        interpolation="pillow_bilinear",
        reverse_input_channels=True,
        mean_values=(),
        scale_values=(255.0,),
        labels=_labels(values.get("names"), path),
    )


def _read(path: Path) -> dict[Any, Any]:
    """The file's mapping; empty where it has none, or is not there.

    Raises:
        ModelError: it cannot be read, is too large, or is not YAML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise ModelError(
            f"{path} is over {_MAX_BYTES:,} bytes, too large for Ultralytics's metadata; "
            "move it away if another tool wrote it"
        )
    import yaml  # not above: few models have such a file

    try:
        found = yaml.load(data, yaml.BaseLoader)  # noqa: S506 - it makes texts alone, see above
    except RecursionError as error:
        raise ModelError(f"{path} is not valid YAML: nested too deeply") from error
    except Exception as error:  # YAMLError, and what Python raises for impossible escapes
        raise ModelError(f"{path} is not valid YAML: {_reason(error)}") from error
    return found if isinstance(found, dict) else {}


def _reason(error: Exception) -> str:
    """What is wrong, and in which line, in one line itself."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    problem = getattr(error, "problem", None) or str(error)
    return where + problem.partition("\n")[0]


def _size(value: Any, path: Path) -> tuple[int, int]:
    """(height, width) of `imgsz`: one number, or a list of them."""
    sizes = [value] if isinstance(value, str) else value
    try:
        return int(sizes[0]), int(sizes[-1])
    except (TypeError, ValueError, LookupError) as error:
        raise ModelError(f"{path}: imgsz is not a size: {_shown(value)}") from error


def _labels(names: Any, path: Path) -> tuple[str, ...] | None:
    if not names:
        return None
    inner = names.values() if isinstance(names, dict) else names
    if not all(isinstance(name, str) for name in inner):
        raise LabelsError(f"{path}: names holds something other than one name for each class")
    return labels.from_json(names, str(path))


def _shown(value: Any) -> str:
    """For a message. Texts alone: by anchors, a list of a few bytes may hold a billion others."""
    if isinstance(value, str):
        return repr(value[:60])
    return "a list" if isinstance(value, list) else "a mapping"
