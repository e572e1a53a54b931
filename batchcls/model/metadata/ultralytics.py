"""What Ultralytics writes beside an exported model: `metadata.yaml`.

Only the few shapes of YAML that its exporter writes are read here (scalars, one level of mapping or
list, flow lists), so that a hostile file can do nothing but fail to parse.
"""

import ast
from pathlib import Path
from typing import Any

from batchcls.errors import ModelError
from batchcls.model.preprocess.settings import Settings

FILE = "metadata.yaml"


def settings(path: Path) -> Settings:
    """What `metadata.yaml` says; silent where there is no such file.

    Ultralytics's classification transforms: resize the shortest edge to `imgsz` with Pillow's
    bilinear, centre crop, RGB, divide by 255; a size that is not square is stretched to.

    Raises:
        ModelError: it is of another task, or cannot be understood.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    values = parse(text)
    if "task" not in values and "names" not in values:
        return Settings()  # somebody else's metadata.yaml
    if values.get("task", "classify") != "classify":
        raise ModelError(f"{path}: the model's task is {values['task']!r}, not classification")
    size = values.get("imgsz", [224, 224])
    height, width = (size, size) if isinstance(size, int) else (size[0], size[-1])
    names = values.get("names")
    labels = None
    if isinstance(names, dict):
        labels = tuple(str(names[key]) for key in sorted(names, key=int))
    elif isinstance(names, list):
        labels = tuple(map(str, names))
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
        labels=labels,
    )


def parse(text: str) -> dict[str, Any]:
    """The mapping in a simple YAML document.

    Raises:
        ModelError: a line of another shape.
    """
    found: dict[str, Any] = {}
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#") or bare == "---":
            continue
        if bare.startswith("- "):
            if not isinstance(found.get(key), list):
                found[key] = []
            found[key].append(_scalar(bare[2:]))
            continue
        name, colon, value = bare.partition(":")
        if bare[0] in "'\"":
            quote = bare.index(bare[0], 1) if bare[0] in bare[1:] else 0
            name, value = bare[: quote + 1], bare[quote + 1 :].lstrip(" :")
        if not colon:
            raise ModelError(f"{FILE}: line {number} is not understood: {bare[:60]!r}")
        if line[0] == " ":
            if not isinstance(found.get(key), dict):
                found[key] = {}
            found[key][_scalar(name)] = _scalar(value)
        else:
            key = str(_scalar(name))
            found[key] = _scalar(value)
    return found


def _scalar(text: str) -> Any:
    text = text.strip()
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1:
        inner = text[1:-1]
        return inner.replace("''", "'") if text[0] == "'" else inner.replace('\\"', '"')
    if text[:1] in ("[", "{") or text.lstrip("-").replace(".", "", 1).isdigit():
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
    return text
