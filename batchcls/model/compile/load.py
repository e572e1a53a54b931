"""From a job's model argument to a model in memory, with all that is known about it.

Nothing is compiled here: `compiling` does that, for each device.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batchcls.errors import ModelError, UsageError
from batchcls.job.job import DEFAULT_TOP, Job
from batchcls.job.paths import expanded
from batchcls.model.compile.model_metadata import ModelMetadata, refuse_guesses
from batchcls.model.compile.read_model import read_model
from batchcls.model.files import onnx
from batchcls.model.files.find import model_file, model_path
from batchcls.model.graph import activation, clamping, edits, onnx_softmax, ports, trimming
from batchcls.model.graph import scores as score_outputs
from batchcls.model.graph.activation import Activation
from batchcls.model.graph.ports import ImageInput
from batchcls.model.graph.scores import ScoreOutput
from batchcls.model.metadata import files_beside, label_files, labels, metadata, model_info
from batchcls.model.preprocess import preprocess
from batchcls.model.preprocess.preprocess import Preprocess
from batchcls.model.preprocess.settings import Settings
from batchcls.model.runtime import Core, Model

DEFAULT_SIZE = 224
"""Height and width for models that leave them open and have no metadata."""

DEFAULT = "the default"
ANY_SIZE = "that of each image"
OPEN_SIZE = "the usual size, since the model leaves it open"
OPEN = (
    "the model leaves its input size open, and nothing says at which it was trained; images are "
    "brought to {size}x{size}. If it is another, give `--input-size`."
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, understood.

    Attributes:
        model: as read, but for what `trimming` takes off.
        metadata: everything else that is known about it.
    """

    path: Path
    model: Model
    image: ImageInput
    scores: ScoreOutput
    metadata: ModelMetadata


def load(job: Job, core: Core, guess: str = "") -> Loaded:
    """Read and understand a job's model.

    Args:
        job: names it, and what its files do not say.
        guess: name of the preprocessing to take where nothing says any
            (`batchcls.model.metadata.guesses`); "" = the most usual.

    Raises:
        ModelError: it cannot be read, is no image classifier, its metadata make no sense, or its
            preprocessing would be a guess and the job allows none.
        LabelsError: its labels do not match its classes.
        UsageError: an option makes no sense.
    """
    path = model_file(model_path(job.model))
    model = read_model(core, path)
    trimmed = trimming.trim(model)
    clamping.keep(model)
    if path.suffix == ".onnx" and onnx.opset(path) in onnx_softmax.VERSIONS:
        onnx_softmax.flatten(model)
    known = metadata.gather(job, model, path, guess)
    names, labels_origin = _names(job, known)
    beside, doubts = ([], []) if names else files_beside.names(path)
    named = job.score_output or known.settings.score_output
    counts = labels.counts(names or ()).union(*(labels.counts(found) for _, found in beside))
    gives = score_outputs.extractor(model) if names is None and named is None else None
    if gives is not None and gives.classes not in counts:
        scores = _features_for(job, path, gives)
    else:
        scores = score_outputs.choose(model, named, counts)
    if names is None:
        names, labels_origin, more = labels.first_that_fits(beside, scores.classes)
        doubts += more
    settings, origins, image = known.settings, dict(known.origins), known.image
    pre, more, open_size = _prepared(job, image, settings, origins)
    warnings = [*open_size, *known.warnings, *doubts, *trimmed, *more]
    own_yes_and_no = settings.multilabel or scores.classes == 1
    wanted = settings.activation or ("sigmoid" if own_yes_and_no else None)
    how, activation_origin = activation.decide(model, scores.index, wanted, job.activation)
    if scores.features:
        how, activation_origin, names = Activation("none"), "", ()
        labels_origin = f"none: the output {scores.name} gives features"
    pair = scores.classes == 1 and names is not None and len(names) == 2
    if pair:
        how = replace(how, pair=True)
    if names is None and named is None and (doubt := score_outputs.doubt(model, scores)):
        warnings.append(doubt)
    described = preprocess.origins(pre, origins)
    described["activation"] = activation_origin or origins.get(
        "activation", origins.get("multilabel", "")
    )
    described["labels"] = labels_origin
    described["threshold"] = origins.get("threshold", DEFAULT)
    described["top"] = origins.get("top", DEFAULT)
    classes = 2 if pair else scores.classes
    found = ModelMetadata(
        pre=pre,
        activation=how,
        labels=() if scores.features else _fitted(names, labels_origin, classes),
        threshold=_threshold(job, settings, pair=pair),
        top=settings.top or DEFAULT_TOP,
        origins=described,
        warnings=tuple(warnings),
        guesses=(*open_size, *known.guesses),
        plausible=tuple(candidate.name for candidate in known.candidates),
        inputs=ports.describe_ports(model.inputs),
        outputs=ports.describe_ports(model.outputs),
        backbone=model_info.backbone(model),
    )
    refuse_guesses(job, found)
    return Loaded(path, model, image, scores, found)


def _features_for(job: Job, path: Path, scores: ScoreOutput) -> ScoreOutput:
    """The output of a model without classes, for a job that wants its features.

    Raises:
        ModelError: the job wants classes.
    """
    if not job.embeds:
        raise ModelError(
            f"{path.name} has no classes: its output {scores.name} gives {scores.classes:,} "
            "features of an image\nhint: `batchcls embed` keeps them; if they are class scores "
            "after all, name the classes with `--labels`"
        )
    if not {"margin", "entropy"}.isdisjoint(job.facts):
        raise UsageError("--with margin, entropy: the model has no classes to be unsure of")
    return scores


def _prepared(
    job: Job, image: ImageInput, settings: Settings, origins: dict[str, str]
) -> tuple[Preprocess, list[str], list[str]]:
    """What an image goes through, warnings, and what is guessed of its size.

    `origins` learns where the size comes from.
    """
    if settings.resize_type == "embedded" and not settings.embedded_processing:
        origins |= {"height": ANY_SIZE, "width": ANY_SIZE}
        return preprocess.resolve(settings, 0, 0, image.channels), _check_own_size(job, image), []
    height, width = _size(job, image, settings, origins)
    pre = preprocess.resolve(settings, height, width, image.channels)
    if settings.embedded_processing:
        if job.input_size is not None:
            raise UsageError("--input-size: the model brings images to its size by itself")
        return preprocess.embedded(pre, sized=image.height is not None), [], []
    warnings, guesses = [], []
    if origins.get("height") == OPEN_SIZE:
        guesses.append(OPEN.format(size=DEFAULT_SIZE))
    if pre.input_dtype in ("u16", "i16"):
        warnings.append(
            f"the model was made for {pre.input_dtype} images; batchcls reads images as 8 bits"
        )
    return pre, warnings, guesses


def _size(
    job: Job, image: ImageInput, settings: Settings, origins: dict[str, str]
) -> tuple[int, int]:
    """(height, width) of the model's input."""
    if job.input_size is None and image.height is not None:
        origins.pop("height", None)
        origins.pop("width", None)
    fixed = (None, None) if job.input_size is not None else (image.height, image.width)
    height, width = fixed[0] or settings.height, fixed[1] or settings.width
    if height and width:
        return height, width
    origins |= {"height": OPEN_SIZE, "width": OPEN_SIZE}
    return height or DEFAULT_SIZE, width or DEFAULT_SIZE


def _threshold(job: Job, settings: Settings, *, pair: bool) -> float | None:
    """From where on a class is given, where classes are independent; else None."""
    if settings.multilabel and not pair:
        return 0.5 if settings.threshold is None else settings.threshold
    if job.threshold is not None:
        raise UsageError(
            f"--threshold {job.threshold:g}: the model gives each image one class of several; if "
            "its classes are independent of each other, add `--multilabel`"
        )
    return None


def _check_own_size(job: Job, image: ImageInput) -> list[str]:
    """Refuse what does not go with images of their own size; what people should know.

    Raises:
        UsageError: the model's input has a size, or the job gives it one.
    """
    if image.height is not None or image.width is not None:
        height, width = image.height or "?", image.width or "?"
        raise UsageError(
            "--resize-type embedded: images go in at their own size, and the model's input is "
            f"{height}x{width}; choose another resize type"
        )
    if job.input_size is not None:
        raise UsageError(
            "--input-size: the model brings images to its size by itself; to resize them first, "
            "add `--resize-type standard`"
        )
    if job.batch_size == 1:
        return []
    return [f"images of different sizes do not share a request; batch size {job.batch_size} is 1"]


def connect(
    loaded: Loaded, batch_size: int, features: Callable[[Model], Any] | None = None
) -> Model:
    """The model as it is compiled: pixels of one size in, one float32 score output.

    Args:
        features: of a copy of the model, to be given too; see `edits.connect`.

    Raises:
        ModelError: it does not work at that batch size.
    """
    pre = loaded.metadata.pre
    if pre.resize_type == "embedded":
        batch_size = 1  # images of different sizes do not fit into one tensor
    edits.set_shape(loaded.model, loaded.image, loaded.scores, pre.height, pre.width, batch_size)
    return edits.connect(loaded.model, loaded.image, loaded.scores, pre, features)


def _names(job: Job, known: metadata.Known) -> tuple[tuple[str, ...] | None, str]:
    """The class names that are known, before it is known how many classes there are."""
    if job.labels is not None:
        return label_files.read(expanded(job.labels)), metadata.COMMAND_LINE
    return known.settings.labels, known.origins.get("labels", labels.NONE)


def _fitted(names: tuple[str, ...] | None, origin: str, classes: int) -> tuple[str, ...]:
    if names is None:
        return labels.numbered(classes)
    where = "the labels file" if origin == metadata.COMMAND_LINE else origin
    first = "other" if origin == metadata.RT_INFO else ""  # model_api's rule
    return labels.fit(names, classes, where, first=first)
