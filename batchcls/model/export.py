"""Writes a model as one self-contained IR: preprocessing, labels and activation in its rt_info.

`model_info` gets what its keys can say, for model_api and DL Streamer; batchcls's own root gets all
of it exactly, and is what batchcls reads back. Where model_info has no word for a resize type, the
nearest one stands there.
"""

import json
from pathlib import Path
from typing import Any

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.model.compile import load
from batchcls.model.compile.load import Loaded
from batchcls.model.compile.model_metadata import ModelMetadata
from batchcls.model.devices.core import open_core, reason
from batchcls.model.graph import scores as score_outputs
from batchcls.model.graph.ending import before_quantisation
from batchcls.model.graph.ports import ImageInput
from batchcls.model.metadata.model_info import OWN_ROOT, ROOT, read_info
from batchcls.model.runtime import Model, openvino, opset13

_NEAREST_TYPE = {
    "embedded": "standard",
    "pad_to_square": "fit_to_window_letterbox",
    "shortest_edge": "crop",
    "centre_fraction": "crop",
    "crop_only": "crop",
    "squash": "standard",
    "border": "fit_to_window_letterbox",
}
_NEAREST_INTERPOLATION = {
    "cubic": "CUBIC",
    "lanczos": "CUBIC",
    "pillow_bicubic": "CUBIC",
    "pillow_lanczos": "CUBIC",
    "nearest": "NEAREST",
    "pillow_nearest": "NEAREST",
}
_INTENSITY_KEYS = {
    "scale_to_unit": ("max_value",),
    "window": ("window_center", "window_width"),
    "percentile": ("percentile_low", "percentile_high"),
    "range_scale": ("scale_factor", "min_value", "max_value"),
}


def export(job: Job, out: Path) -> Path:
    """Write a job's model, as its options and metadata resolve, to an IR.

    Args:
        job: its model, labels and preprocessing options.
        out: the .xml to write, in a folder of `aside`; its .bin goes beside it.

    Returns:
        `out`.

    Raises:
        ModelError: the model cannot be read or understood, or `out` cannot be written.
        LabelsError: labels that do not match the model.
        UsageError: an option that makes no sense.
    """
    check_name(out)
    loaded = load.load(job, open_core(job))
    return write(loaded, loaded.model, out)


def check_name(out: Path) -> None:
    """Refuse a name that is not an IR's.

    Raises:
        ModelError: it does not end in .xml.
    """
    if out.suffix != ".xml":
        raise ModelError(f"{out}: name a file that ends in .xml")


def write(loaded: Loaded, model: Model, out: Path) -> Path:
    """Write a model with all that is known about the one that it was made from.

    Args:
        model: `loaded.model`, or one that takes its place; gets the description.
        out: see `export`.

    Raises:
        ModelError: it cannot be written.
    """
    said = read_info(model, ROOT)
    # What model_api says of a model with its processing inside holds for it as it is.
    if loaded.metadata.pre.resize_type != "embedded" or "embedded_processing" not in said:
        _describe(model, loaded)
    try:
        openvino.save_model(model, str(out), compress_to_fp16=False)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"cannot write {out}: {reason(error)}") from error
    return out


def _describe(model: Model, loaded: Loaded) -> None:
    _dequantise(model, loaded)
    for key, text in model_info(loaded.metadata, loaded.image).items():
        model.set_rt_info(text, [ROOT, key])
    own = own_info(loaded.metadata)
    if len(model.outputs) > 1:
        own["score_output"] = loaded.scores.name
    for key, value in own.items():
        model.set_rt_info(json.dumps(value), [OWN_ROOT, key])


def _dequantise(model: Model, loaded: Loaded) -> None:
    """Put the scores before their quantisation first among the outputs.

    model_api takes the first output, and its softmax of 8-bit integers is nan or noise. batchcls
    goes on reading the quantised one, under the name that it looks for first.
    """
    activation = loaded.metadata.activation
    if (activation.scale, activation.zero) == (1.0, 0.0):
        return
    results = model.get_results()
    plain = before_quantisation(model, loaded.scores.index)
    if plain is None or plain in [result.input_value(0) for result in results]:
        return
    results[loaded.scores.index].output(0).get_tensor().add_names({score_outputs.NAMES[0]})
    for result in results:
        model.remove_result(result)
    model.add_results([opset13.result(plain), *results])


def model_info(known: ModelMetadata, image: ImageInput) -> dict[str, str]:
    """What the keys of `model_info` can say about a model."""
    pre = known.pre
    found = {
        "model_type": "Classification",
        "labels": " ".join("_".join(label.split()) for label in known.labels),
        "layout": f"{image.name}:{image.layout}",
        "resize_type": _NEAREST_TYPE.get(pre.resize_type, pre.resize_type),
        "interpolation_mode": _NEAREST_INTERPOLATION.get(pre.interpolation, "LINEAR"),
        "pad_value": str(round(sum(pre.pad_value) / len(pre.pad_value))),
        "reverse_input_channels": str(pre.reverse_input_channels),
        "multilabel": str(known.threshold is not None),
        "intensity_mode": str(pre.intensity[0]),
    }
    if pre.mean_values:
        found["mean_values"] = " ".join(map(str, pre.mean_values))
    if pre.scale_values:
        found["scale_values"] = " ".join(map(str, pre.scale_values))
    if known.threshold is not None:
        found["confidence_threshold"] = str(known.threshold)
    if known.origins["top"] != load.DEFAULT:
        found["topk"] = str(known.top)
    mode, *values = pre.intensity
    for name, value in zip(_INTENSITY_KEYS.get(str(mode), ()), values, strict=False):
        found[f"intensity_{name}"] = str(value)
    return found


def own_info(known: ModelMetadata) -> dict[str, Any]:
    """Everything, under the names of `batchcls.model.preprocess.settings.Settings`."""
    found = {key: value for key, value in known.pre.as_dict().items() if value is not None}
    del found["channels"]
    if known.guesses:
        found["guessed"] = True
    found["labels"] = list(known.labels)
    found["multilabel"] = known.threshold is not None
    if known.activation.kind != "none":
        found["activation"] = known.activation.kind
    if known.threshold is not None:
        found["threshold"] = known.threshold
    if known.origins["top"] != load.DEFAULT:
        found["top"] = known.top
    return found
