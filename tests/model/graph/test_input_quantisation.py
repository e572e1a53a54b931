"""An integer input gets what an interpreter is fed: normalised pixels in the input's own steps."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model import export
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
SIZE = 8
PIXELS = np.arange(SIZE * SIZE * 3, dtype=np.uint8).reshape(SIZE, SIZE, 3) + 63
TYPES: dict[str, tuple[int, int]] = {
    "u8": (0, 255),
    "i8": (-128, 127),
    "u16": (0, 65535),
    "i16": (-32768, 32767),
}
BY_HAND: dict[str, tuple[dict[str, Any], float, float]] = {
    "0..1": ({"scale_values": "[255]"}, 0.0, 255.0),
    "-1..1": ({"mean_values": "[127.5]", "scale_values": "[127.5]"}, 127.5, 127.5),
    "pixels less 100": ({"mean_values": "[100]"}, 100.0, 1.0),
}


def model(kind: str, low: float, high: float, *, arithmetic: bool = False) -> ov.Model:
    """Scores are the numbers that the steps of its input stand for, in the order of the pixels."""
    first, last = TYPES[kind]
    image = ops.parameter([1, SIZE, SIZE, 3], getattr(ov.Type, kind))
    image.output(0).get_tensor().set_names({"image"})
    steps: Any = ops.convert(image, "f32")
    scale = (high - low) / (last - first)
    if arithmetic:
        zero = np.float32(first - low / scale)
        numbers = ops.multiply(ops.subtract(steps, zero), np.float32(scale))
    else:
        edges = [np.float32(edge) for edge in (first, last, low, high)]
        numbers = ops.fake_quantize(steps, *edges, last - first + 1)
    flat = ops.reshape(numbers, np.array([1, -1], np.int64), special_zero=False)
    flat.output(0).get_tensor().set_names({"scores"})
    return ov.Model([flat], [image], "steps")


def stands_for(kind: str, low: float, high: float, values: NDArray[np.float64]) -> Any:
    first, last = TYPES[kind]
    scale = (high - low) / (last - first)
    zero = first - low / scale
    steps = np.clip(np.round(values / scale + zero), first, last)
    return ((steps - zero) * scale).reshape(-1)


def scores(path: Path, **options: Any) -> tuple[Any, list[str]]:
    classifier = Classifier.open(Job(model=str(path), **options), ONE)
    found = tiny.raw_scores(classifier, [PIXELS])[0]
    told = [text for text in classifier.description["warnings"] if "steps" in text]
    classifier.close()
    return found, told


@pytest.mark.parametrize("numbers", BY_HAND)
@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 0.6), (-2.1, 2.6), (0.0, 255.0)])
@pytest.mark.parametrize("kind", TYPES)
def test_mean_and_scale_by_hand_are_put_in_the_inputs_own_steps(
    tmp_path: Path, kind: str, ends: tuple[float, float], numbers: str
) -> None:
    path = tiny.save(model(kind, *ends), tmp_path / "m.xml")
    options, mean, scale = BY_HAND[numbers]
    right = stands_for(kind, *ends, (PIXELS.astype(np.float64) - mean) / scale)
    step = (ends[1] - ends[0]) / (TYPES[kind][1] - TYPES[kind][0])
    found, told = scores(path, **options)
    # Half a step is rounded either way.
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1.01 * step)
    assert (np.abs(found - right) < 0.1 * step).mean() > 0.98
    assert told == []


@pytest.mark.parametrize(
    ("ends", "mean", "scale"),
    [
        ((0.0, 0.6), 0.0, 255.0),
        ((-0.7, 0.7), 127.5, 127.5),
        ((-2.1, 2.6), 114.495, 57.63),
        ((0.0, 200.0), 0.0, 1.0),
    ],
)
@pytest.mark.parametrize("kind", TYPES)
def test_without_a_word_the_usual_numbers_of_that_range_are_taken_and_told(
    tmp_path: Path, kind: str, ends: tuple[float, float], mean: float, scale: float
) -> None:
    path = tiny.save(model(kind, *ends), tmp_path / "m.xml")
    found, (told,) = scores(path)
    right = stands_for(kind, *ends, (PIXELS.astype(np.float64) - mean) / scale)
    step = (ends[1] - ends[0]) / (TYPES[kind][1] - TYPES[kind][0])
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1.01 * step)
    assert "--mean-values" in told


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-1.0, 127 / 128)])
@pytest.mark.parametrize("kind", ["u8", "i8"])
def test_where_steps_are_pixels_pixels_are_put_in(
    tmp_path: Path, kind: str, ends: tuple[float, float]
) -> None:
    found, told = scores(tiny.save(model(kind, *ends), tmp_path / "m.xml"))
    share = (PIXELS.astype(np.float64) / 255).reshape(-1)
    np.testing.assert_allclose(found, ends[0] + share * (ends[1] - ends[0]), atol=1e-4)
    assert told == []


@pytest.mark.parametrize("kind", ["u16", "i16"])
def test_16_bit_inputs_that_are_dequantised_by_arithmetic_count_too(
    tmp_path: Path, kind: str
) -> None:
    path = tiny.save(model(kind, -1.0, 1.0, arithmetic=True), tmp_path / "m.xml")
    found, (_,) = scores(path)
    right = (PIXELS.astype(np.float64) - 127.5) / 127.5
    np.testing.assert_allclose(found, right.reshape(-1), atol=1e-4)


def test_a_graph_that_normalises_8_bit_pixels_itself_gets_them(tmp_path: Path) -> None:
    path = tiny.save(model("u8", 0.0, 4.0, arithmetic=True), tmp_path / "m.xml")
    found, told = scores(path)
    np.testing.assert_allclose(found, PIXELS.reshape(-1) * (4 / 255), rtol=1e-5)
    assert told == []


def test_what_is_exported_takes_the_same(tmp_path: Path) -> None:
    path = tiny.save(model("u8", -1.0, 1.0), tmp_path / "m.xml")
    options, *_ = BY_HAND["0..1"]
    written = export.export(Job(model=str(path), **options), tmp_path / "out.xml")
    np.testing.assert_array_equal(scores(written)[0], scores(path, **options)[0])


def test_an_input_that_does_not_say_what_its_numbers_are_takes_no_mean(tmp_path: Path) -> None:
    path = tiny.save(tiny.echo_model(2, 2, "NHWC", "u8"), tmp_path / "m.xml")
    with pytest.raises(ModelError, match="mean and scale values need"):
        Classifier.open(Job(model=str(path), mean_values="[1]"), ONE)
