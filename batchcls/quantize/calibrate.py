"""The only caller of NNCF: a model in, its INT8 counterpart out.

Rules of this file:

1. Calibration sees exactly the tensors that inference sees: pixels of the job's preprocessing,
   through the job's own layout, mean and scale.
2. Weights keep one bit free (overflow fix), so that the model is right on CPUs without VNNI too,
   and the same on every machine. A model for this processor alone needs no such room.
3. NNCF comes after `batchcls.model.runtime`, so that it tells nobody that it was used.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ModelError, SetupError
from batchcls.model.compile.load import Loaded
from batchcls.model.devices.core import reason
from batchcls.model.graph import edits
from batchcls.model.graph.scores import ScoreOutput
from batchcls.model.runtime import Core, Model, apply_moc_transformations, opset13
from batchcls.version import QUANTIZE

Floats = NDArray[np.float32]


def load_nncf() -> Any:
    """NNCF, quiet.

    Raises:
        SetupError: it is not installed.
    """
    try:
        import nncf
    except ImportError as error:
        raise SetupError(
            f"quantising needs NNCF ({error}); run `pip install '{QUANTIZE}'`"
        ) from error
    nncf.set_log_level(40)  # logging.ERROR
    return nncf


def model_inputs(loaded: Loaded, core: Core, tensors: Sequence[Any]) -> list[NDArray[Any]]:
    """Prepared images as the model's own input takes them: laid out, mean and scale applied.

    Done by the very graph that a run would compile, put before a model that returns its input.

    Args:
        loaded: its input, layout, mean and scale count.
        core: compiles the graph, on the CPU.
        tensors: of `Classifier.prepare`.

    Raises:
        ModelError: the model's input is not one that preprocessing can feed.
    """
    pre = loaded.metadata.pre
    image = replace(loaded.image, index=0, height=pre.height, width=pre.width)
    sizes = {"N": 1, "C": image.channels, "H": pre.height, "W": pre.width}
    shape = [sizes[letter] for letter in image.layout]
    given = loaded.model.inputs[loaded.image.index].get_element_type()
    parameter = opset13.parameter(shape, given)
    model = Model([opset13.convert(parameter, "f32")], [parameter], "input")
    scores = ScoreOutput(0, "pixels", int(np.prod(shape)), "f32")
    compiled = core.compile_model(
        edits.connect(model, image, scores, pre), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    rows = len(compiled.input(0).shape) == 4
    return [
        np.array(compiled(tensor[None] if rows else tensor)[0], np.float32)
        .reshape(shape)
        .astype(given.to_dtype())
        for tensor in tensors
    ]


def check(loaded: Loaded) -> None:
    """Refuse models that cannot be quantised, in words.

    Raises:
        ModelError: already quantised, or with its preprocessing inside and any size of image.
    """
    if any(op.get_type_name() == "FakeQuantize" for op in loaded.model.get_ops()):
        raise ModelError(f"{loaded.path} is already quantised")
    if loaded.metadata.pre.resize_type == "embedded":
        raise ModelError(
            f"{loaded.path} takes images of any size and resizes them itself; quantise the model "
            "that it was made from"
        )
    if not loaded.model.inputs[loaded.image.index].get_element_type().is_real():
        raise ModelError(
            f"{loaded.path} takes {loaded.image.element_type} pixels: it is already quantised"
        )


def quantise(loaded: Loaded, inputs: Sequence[NDArray[Any]], *, room: bool = True) -> Model:
    """Post-training quantisation of weights and activations to 8 bits.

    Args:
        room: weights keep one bit free.

    Raises:
        ModelError: NNCF refuses the model.
    """
    nncf = load_nncf()
    _simplify(loaded.model)
    return _quietly(
        lambda: nncf.quantize(
            loaded.model,
            nncf.Dataset(list(inputs)),
            subset_size=len(inputs),
            advanced_parameters=_advanced(nncf, room=room),
        )
    )


def quantise_within(
    loaded: Loaded,
    inputs: Sequence[NDArray[Any]],
    hit: Callable[[int, Floats], bool],
    max_drop: float,
) -> Model:
    """Quantise what can be without losing more than `max_drop` of the calibration images' hits.

    Layers that cost most go back to floating point, one by one.

    Args:
        inputs: what to calibrate on and, again, what to count hits on.
        hit: the raw scores of an image, by its number, give the right answer.
        max_drop: share of the images, such as 0.01.

    Raises:
        ModelError: NNCF refuses the model.
    """
    nncf = load_nncf()

    def count(model: Any, numbers: Any) -> tuple[float, list[float]]:
        hits = []
        for number in numbers:
            scores = model(inputs[int(number)])[loaded.scores.index]
            hits.append(float(hit(int(number), np.asarray(scores, np.float32).reshape(-1))))
        return sum(hits) / len(hits), hits

    _simplify(loaded.model)
    return _quietly(
        lambda: nncf.quantize_with_accuracy_control(
            loaded.model,
            nncf.Dataset(list(inputs)),
            nncf.Dataset(list(range(len(inputs)))),
            validation_fn=count,
            max_drop=max_drop,
            subset_size=len(inputs),
            advanced_quantization_parameters=_advanced(nncf),
        )
    )


def _simplify(model: Model) -> None:
    """Fuse what belongs together, as OpenVINO's converter does, lest it is quantised in pieces.

    A SavedModel is read with its batch normalisations and swishes taken apart, and each piece would
    get steps of its own: an EfficientNet's layers took 47 ms so, and 27 ms fused.
    """
    apply_moc_transformations(model, cf=False)


def _advanced(nncf: Any, *, room: bool = True) -> Any:
    """Weights keep one bit free, as rule 2 says."""
    from nncf.quantization.advanced_parameters import OverflowFix

    fix = OverflowFix.ENABLE if room else OverflowFix.DISABLE
    return nncf.AdvancedQuantizationParameters(overflow_fix=fix)


def _quietly(work: Callable[[], Any]) -> Model:
    """NNCF draws progress bars on standard output, which is for the answer."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found: Model = work()
    except Exception as error:
        # NNCF's own exceptions have no common base, and OpenVINO's pass through it.
        raise ModelError(f"NNCF cannot quantise the model: {reason(error)}") from error
    return found
