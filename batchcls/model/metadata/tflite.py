"""What a TFLite file says of itself: TFLite metadata, the label file in it, quantisation.

The metadata are a FlatBuffers table (schema: metadata_schema.fbs of tflite-support) in the model's
buffer named TFLITE_METADATA; associated files are a zip archive appended to the model.
"""

import io
import zipfile
from pathlib import Path

from batchcls.model.metadata import label_files, ultralytics
from batchcls.model.metadata.flatbuffer import Malformed, Table
from batchcls.model.preprocess.settings import Settings

METADATA = "TFLite metadata"
CONVENTION = "TFLite convention"

_MAGIC = b"TFL3"
_IMAGE_PROPERTIES = 2
_RGB = 1
_NORMALIZATION = 1
_AXIS_LABELS = 2
_MAX_MEMBER = 16 << 20  # unpacked bytes


def is_tflite(path: Path) -> bool:
    """The file is a TFLite model, whatever its name."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8)[4:] == _MAGIC


def settings(path: Path) -> Settings:
    """What the metadata say; silent where there are none or they are damaged.

    Raises:
        LabelsError: an associated label file that cannot be understood.
        ModelError: an Ultralytics model for another task.
    """
    data = path.read_bytes()
    whole = ultralytics.settings(
        ultralytics.from_json(_member(data, ultralytics.IN_TFLITE) or b""),
        f"{ultralytics.IN_TFLITE} in {path.name}",
    )
    if not whole.silent:
        return whole
    try:
        found, names = _read(data)
    except Malformed:
        return Settings()
    if names:
        found = Settings(
            reverse_input_channels=found.reverse_input_channels,
            mean_values=found.mean_values,
            scale_values=found.scale_values,
            labels=_labels(data, names[0], path.name),
        )
    return found


def convention(element_type: str, *, imagenet: bool) -> Settings:
    """What TFLite image classifiers share: RGB, stretched; float inputs are in [-1, 1].

    TensorFlow decodes to RGB and no converter turns the order round; TensorFlow's MobileNets,
    EfficientNets and Inceptions for ImageNet take (pixel - 127.5) / 127.5. A quantised input has
    that in its quantisation parameters and takes plain pixels. TFLite's Task Library stretches.

    Args:
        element_type: of the model's input.
        imagenet: it has 1000 or 1001 classes.
    """
    if element_type == "f32" and imagenet:
        return Settings(
            resize_type="standard",
            reverse_input_channels=True,
            mean_values=(127.5,),
            scale_values=(127.5,),
        )
    return Settings(resize_type="standard", reverse_input_channels=True)


def _read(data: bytes) -> tuple[Settings, list[str]]:
    """Settings without labels, and the names of associated label files."""
    metadata = _metadata(data)
    if metadata is None:
        return Settings(), []
    subgraph = next(metadata.tables(3), None)
    if subgraph is None:
        return Settings(), []
    names = [
        name
        for owner in (*list(subgraph.tables(3))[:1], subgraph, metadata)
        for file in owner.tables(4 if owner is subgraph else 6)
        if (name := file.text(0)) and (file.number(2, "b") == _AXIS_LABELS or owner is not metadata)
    ]
    image = next(subgraph.tables(2), None)
    return (Settings() if image is None else _image(image)), names


def _metadata(data: bytes) -> Table | None:
    model = Table.root(data)
    buffers = list(model.tables(4))
    for entry in model.tables(6):
        if entry.text(0) == "TFLITE_METADATA":
            return Table.root(buffers[entry.number(1)].bytes(0))
    return None


def _image(tensor: Table) -> Settings:
    """The first input tensor: colour space and normalisation."""
    content = tensor.table(3)
    rgb = None
    if content is not None and content.number(0, "B") == _IMAGE_PROPERTIES:
        properties = content.table(1)
        rgb = True if properties is not None and properties.number(0, "b") == _RGB else None
    for unit in tensor.tables(4):
        if unit.number(0, "B") == _NORMALIZATION and (options := unit.table(1)) is not None:
            mean, std = options.floats(0), options.floats(1)
            return Settings(
                reverse_input_channels=rgb, mean_values=mean or None, scale_values=std or None
            )
    return Settings(reverse_input_channels=rgb)


def _labels(data: bytes, name: str, model: str) -> tuple[str, ...] | None:
    found = _member(data, name)
    return None if found is None else label_files.parse(found, f"{name} in {model}")


def _member(data: bytes, name: str) -> bytes | None:
    """A file of the archive behind the model; None where there is none, or it is too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            small = archive.getinfo(name).file_size <= _MAX_MEMBER
            return archive.read(name) if small else None
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError):
        return None
