"""16-bit quantisers clamp, wherever they stand, though OpenVINO takes them out."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model import export
from batchcls.model.graph import clamping
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

SIZE = 4
CHANNELS = 3
ONE = Threads(nthreads=1, nstreams="1", nireq=1)
Floats = NDArray[np.float64]
RANGES: dict[str, tuple[Any, Any]] = {
    "a folded ReLU": (0.0, 100.0),
    "both ends": (-30.0, 60.0),
    "a range for each channel": (
        np.array([-10.0, 0.0, -40.0]).reshape(1, CHANNELS, 1, 1),
        np.array([10.0, 90.0, 5.0]).reshape(1, CHANNELS, 1, 1),
    ),
}
PLACES = ("convolution", "relu", "a wider clamp", "add", "pooling", "input", "output")


def quantise(value: Any, low: Any, high: Any, levels: int, integers: str | None) -> Any:
    """As ONNX's pair of QuantizeLinear and DequantizeLinear is read, or as one operation."""
    edges = [np.asarray(edge, np.float32) for edge in (low, high)]
    if integers is None:
        return ops.fake_quantize(value, *edges, *edges, levels)
    first = 0 if integers == "u16" else -(levels // 2)
    whole = [np.float32(first), np.float32(first + levels - 1)]
    step = (np.float64(high) - low) / (levels - 1)
    steps = ops.convert(ops.fake_quantize(value, *edges, *whole, levels), integers)
    zero = np.asarray(first - np.float64(low) / step, np.float32)
    return ops.multiply(ops.subtract(ops.convert(steps, "f32"), zero), np.float32(step))


def shifted(image: Any) -> Any:
    """Pixels about zero, by a convolution."""
    kernel = (np.eye(CHANNELS, dtype=np.float32)).reshape(CHANNELS, CHANNELS, 1, 1)
    found = ops.convolution(image, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    return ops.subtract(found, np.full((1, CHANNELS, 1, 1), 128, np.float32))


def model(place: str, low: Any, high: Any, levels: int, integers: str | None) -> ov.Model:
    """Scores are the image's values less 128, quantised in one place."""
    image = ops.parameter([1, CHANNELS, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    value = shifted(image)
    if place == "relu":
        value = ops.relu(value)
    elif place == "a wider clamp":
        value = ops.clamp(value, -126.0, 126.0)
    elif place == "add":
        value = ops.add(value, shifted(image))
    elif place == "pooling":
        value = ops.reduce_mean(value, np.array([2, 3]), keep_dims=True)
    elif place == "input":
        value = ops.subtract(image, np.float32(128))
    value = quantise(value, low, high, levels, integers)
    if place != "output":
        value = ops.add(value, np.full((1, CHANNELS, 1, 1), 1, np.float32))
    flat = ops.reshape(value, np.array([1, -1], np.int64), special_zero=False)
    flat.output(0).get_tensor().set_names({"scores"})
    return ov.Model([flat], [image], "wide")


def as_written(place: str, pixels: NDArray[np.uint8], low: Any, high: Any) -> Floats:
    value = pixels.transpose(2, 0, 1)[None].astype(np.float64) - 128
    match place:
        case "relu":
            value = value.clip(0)
        case "add":
            value = 2 * value
        case "pooling":
            value = value.mean(axis=(2, 3), keepdims=True)
    value = np.clip(value, low, high) + (place != "output")
    return value.reshape(-1)


CASES = [
    (place, ends, integers)
    for place in PLACES
    for ends in RANGES
    # A pair with a range for each channel is read as one operation.
    for integers in ((None, "u16", "i16") if np.isscalar(RANGES[ends][0]) else (None,))
]


@pytest.mark.parametrize(("place", "ends", "integers"), CASES)
def test_values_are_clamped_to_a_quantisers_range(
    tmp_path: Path, place: str, ends: str, integers: str | None
) -> None:
    low, high = RANGES[ends]
    path = tiny.save(model(place, low, high, 65536, integers), tmp_path / "m.xml")
    pixels = np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, CHANNELS), np.uint8)
    for job in (Job(model=str(path)), Job(model=str(path), int8="fast")):
        classifier = Classifier.open(job, ONE)
        (found,) = tiny.raw_scores(classifier, [pixels])
        classifier.close()
        np.testing.assert_allclose(found, as_written(place, pixels, low, high), atol=0.003)


def test_an_exported_model_clamps_wherever_it_is_run(tmp_path: Path) -> None:
    low, high = RANGES["a folded ReLU"]
    path = tiny.save(model("convolution", low, high, 65536, "u16"), tmp_path / "m.xml")
    written = export.export(Job(model=str(path)), tmp_path / "out.xml")
    pixels = np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, CHANNELS), np.uint8)
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(str(written), "CPU", hint)
    (found,) = compiled(pixels.transpose(2, 0, 1)[None].astype(np.float32))[0]
    np.testing.assert_allclose(found, as_written("convolution", pixels, low, high), atol=0.003)
    assert clamping.keep(ov.Core().read_model(str(written))) == 0, "it has them already"


def test_8_bit_quantisers_are_left_alone() -> None:
    quantised = model("convolution", 0.0, 100.0, 256, None)
    before = len(quantised.get_ops())
    assert clamping.keep(quantised) == 0
    assert len(quantised.get_ops()) == before
