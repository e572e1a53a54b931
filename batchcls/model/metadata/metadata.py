"""Asks all sources what a model expects, most trusted first, and remembers which said what.

Order: the job's options; a preset that the job names; the model's own rt_info (batchcls's root,
then model_info, and between them a graph that resizes); the files beside it; its format's metadata
and conventions; and what is usual for the format, with a warning that it is a guess.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from batchcls.errors import UsageError
from batchcls.job.choices import RESIZE_TYPES
from batchcls.job.job import Job
from batchcls.model.graph import input_quantisation, own_resize, ports
from batchcls.model.graph.ports import ImageInput
from batchcls.model.metadata import (
    files_beside,
    model_info,
    onnx_properties,
    overrides,
    resizing_graph,
    tagger,
    tflite,
    ultralytics,
)
from batchcls.model.metadata.files_beside import Said
from batchcls.model.metadata.guesses import (
    FITS,
    ORIGINS,
    Candidate,
    Family,
    Kind,
    candidates,
    in_words,
    kept,
    pick,
    resizes,
)
from batchcls.model.metadata.presets import PRESETS, for_gray
from batchcls.model.preprocess.preprocess import CROPPED
from batchcls.model.preprocess.settings import Settings, merge
from batchcls.model.runtime import Model

COMMAND_LINE = "the command line"
RT_INFO = "rt_info model_info"
OWN_RT_INFO = "rt_info batchcls"
PROPERTIES = "the model's metadata_props"
ZIPMAP = "the model's ZipMap"
QUANTISED = "the input's quantisation"
LIKELY = "the range of the input's quantisation (a guess)"
RANGE = (
    "the steps of the model's {kind} input are not those of pixels; by its range, images are put "
    "in {how}. If that is not what it was trained with, give `--mean-values` and `--scale-values`."
)
ZIPMAP_LABELS = "zipmap_labels"
"""Root of rt_info under which the names of a map stand, as JSON, that was cut off a model."""

MODEL_API_DEFAULT = "model_api's default"
_IMAGENET = (1000, 1001)
_FLOATING = ("f32", "f16", "bf16", "f64")

TENSORFLOW = "TensorFlow's convention"

GUESS = (
    "the model does not say how its images are preprocessed. batchcls guesses: {how}. A wrong "
    "guess costs accuracy; `batchcls inspect MODEL --probe DIR` finds out what fits."
)


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known about a model's images.

    Attributes:
        image: the model's input for them.
        origins: key of settings → who said it.
        guesses: those of the warnings that say what was guessed.
        candidates: what is plausible where order and numbers are a guess, the most usual first.
    """

    image: ImageInput
    settings: Settings
    origins: dict[str, str]
    warnings: tuple[str, ...]
    guesses: tuple[str, ...]
    candidates: tuple[Candidate, ...]


def gather(job: Job, model: Model, path: Path, guess: str = "") -> Known:
    """What is known about a model, and what is guessed where nothing is.

    Args:
        job: its options win.
        path: the file it was read from.
        guess: name of the candidate to take if it comes to that; "" = the most usual.

    Raises:
        ModelError: no image input, metadata that make no sense, or of another kind of model.
        LabelsError: labels that the metadata name cannot be read.
        UsageError: an option of the job makes no sense.
    """
    by_hand, own = overrides.settings(job), model_info.own_settings(model)
    info = model_info.settings(model, path.parent)
    image = ports.image_input(model, by_hand.layout or own.layout or info.layout)
    element_type = image.element_type
    size = overrides.size(job.input_size) or _fixed_size(image)
    beside = files_beside.settings(path, size)
    in_file: Said = [(RT_INFO, info)]
    if model_info.is_ultralytics(model):
        in_file, info = [*_of_ultralytics(beside, size, info.labels)], Settings()
    quantisation = input_quantisation.find(model)
    likely = None
    if quantisation is not None and not quantisation.takes_pixels:
        likely = quantisation.likely
    # Most quantised inputs have mean and scale in their quantisation, and take pixels.
    numbers = element_type in _FLOATING or likely is not None
    sources = [
        (COMMAND_LINE, by_hand),
        (f"the preset {job.preprocess}", _preset(job.preprocess, image, numbers=numbers)),
        (OWN_RT_INFO, own),
        (resizing_graph.ORIGIN, resizing_graph.settings(own_resize.find(model, image))),
        (QUANTISED, Settings() if numbers else Settings(mean_values=(), scale_values=())),
        *in_file,
        (PROPERTIES, _properties(model)),
        (PROPERTIES, onnx_properties.settings(model_info.properties(model))),
        (ZIPMAP, _zipmap(model)),
        (tagger.FILE, tagger.settings(path, channels_last="HWC" in image.layout)),
        *beside,
    ]
    convention = _convention(path, element_type, imagenet=_may_be_imagenet(model))
    if tflite.is_tflite(path):
        sources.append((tflite.METADATA, tflite.settings(path)))
    elif not info.silent:
        sources.append((MODEL_API_DEFAULT, _MODEL_API))
    settings, origins = merge([*sources, convention])
    guesses = []
    if likely is not None and not origins.keys() & {"mean_values", "scale_values"}:
        how, (mean, scale) = likely
        sources.append((LIKELY, Settings(mean_values=mean, scale_values=scale)))
        settings, origins = merge([*sources, convention])
        guesses.append(RANGE.format(kind=element_type, how=how))
    guesses += resizing_graph.guesses(settings, origins)
    guesses += kept(settings, origins, (OWN_RT_INFO, QUANTISED))
    plausible: tuple[Candidate, ...] = ()
    if _nothing_said(origins, convention[0]):
        kind = kind_of(model, path, image)
        plausible = candidates(kind)
        taken = pick(plausible, guess)
        usual, resize = taken is plausible[0], resizes(kind)[0]
        origin = ORIGINS[kind.family] if usual else FITS
        settings, origins = merge(
            [*sources, *((convention,) if usual else ()), (origin, taken.settings),
             (ORIGINS[kind.family], resize), convention]
        )  # fmt: skip
        if len(plausible) > 1:
            known = origins["resize_type"] in (COMMAND_LINE, resizing_graph.ORIGIN)
            stretch = "" if known else f"{in_words(resize)}, "
            order = taken.words if kind.floating else taken.order
            guesses.append(GUESS.format(how=stretch + order))
    if job.crop_fraction is not None and settings.resize_type not in CROPPED:
        raise UsageError(
            f"--crop-fraction {job.crop_fraction:g}: images are resized as "
            f"{settings.resize_type or 'standard'}, which has no such share; add a "
            f"`--resize-type` that has one: {', '.join(t for t in RESIZE_TYPES if t in CROPPED)}"
        )
    warnings = (*guesses, *settings.doubts)
    return Known(image, settings, origins, warnings, tuple(guesses), plausible)


def _fixed_size(image: ImageInput) -> tuple[int, int] | None:
    return (image.height, image.width) if image.height and image.width else None


def _of_ultralytics(
    beside: Said, size: tuple[int, int] | None, labels: tuple[str, ...] | None
) -> Said:
    """What an Ultralytics export means by the file beside it, or without one."""
    found = [said for said in beside if said[0] == ultralytics.FILE and not said[1].silent]
    return found or [(RT_INFO, ultralytics.without_file(size, labels))]


def _zipmap(model: Model) -> Settings:
    if not model.has_rt_info([ZIPMAP_LABELS]):
        return Settings()
    return Settings(labels=tuple(json.loads(model.get_rt_info([ZIPMAP_LABELS]).value)))


def _properties(model: Model) -> Settings:
    found = ultralytics.from_properties(model_info.properties(model))
    return ultralytics.settings(found, PROPERTIES)


def _preset(name: str | None, image: ImageInput, *, numbers: bool) -> Settings:
    """A preset; its mean and scale are for inputs that do not have them in their quantisation."""
    if name is None:
        return Settings()
    found = PRESETS[name] if image.channels == 3 else for_gray(PRESETS[name])
    return found if numbers else replace(found, mean_values=None, scale_values=None)


def _nothing_said(origins: Mapping[str, str], convention: str) -> bool:
    """Whether channel order and normalisation are left to a guess.

    Who gives a single one of them by hand has the others as OpenVINO's sample had them.
    """
    said = {key for key, origin in origins.items() if origin not in (QUANTISED, LIKELY, convention)}
    if origins.get("resize_type") in (COMMAND_LINE, resizing_graph.ORIGIN):
        said.discard("resize_type")
    return not said & {
        "resize_type", "reverse_input_channels", "embedded_processing", "mean_values",
        "scale_values",
    }  # fmt: skip


def kind_of(model: Model, path: Path, image: ImageInput) -> Kind:
    """What the format and the graph tell, as far as a guess depends on it."""
    family: Family = "sample"
    if tflite.is_tflite(path) or _is_tensorflow(path):
        family = "tensorflow"
    elif path.suffix == ".pdmodel":
        family = "torch"
    elif path.suffix == ".onnx":
        family = "torch" if "CHW" in image.layout else "tensorflow"
    own = own_resize.before_weights(model, image)
    return Kind(
        family,
        image.channels,
        floating=image.element_type in _FLOATING,
        inside=("0..1" if own.unit else "none") if own.normalises else None,
        bgr=own.bgr,
        imagenet=_may_be_imagenet(model),
    )


def _convention(path: Path, element_type: str, *, imagenet: bool) -> tuple[str, Settings]:
    """What models of this format share."""
    if tflite.is_tflite(path):
        return tflite.CONVENTION, tflite.convention(element_type, imagenet=imagenet)
    if _is_tensorflow(path):
        # TensorFlow decodes to RGB, and what it saves keeps that order. Its numbers vary: Keras's
        # EfficientNets take pixels, its MobileNets -1..1, its ResNets Caffe's BGR.
        return TENSORFLOW, Settings(resize_type="standard", reverse_input_channels=True)
    return "", Settings()


def _is_tensorflow(path: Path) -> bool:
    return path.is_dir() or path.suffix in (".pb", ".pbtxt", ".meta")


_MODEL_API = Settings(resize_type="standard", interpolation="linear", reverse_input_channels=False)


def _may_be_imagenet(model: Model) -> bool:
    return any(
        dimension.is_static and dimension.get_length() in _IMAGENET
        for port in model.outputs
        if port.get_partial_shape().rank.is_static
        for dimension in port.get_partial_shape()
    )
