"""What is guessed where a model does not say how its images are preprocessed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.model.compile import load
from batchcls.model.compile.model_metadata import ModelMetadata
from batchcls.model.devices.core import open_core
from batchcls.model.metadata.guesses import Candidate, Kind, candidates, thinkable
from batchcls.model.preprocess.geometry import geometry
from batchcls.model.preprocess.settings import Settings
from tests.support import onnx_models, tiny_models


def known(path: Path, guess: str = "", **options: Any) -> ModelMetadata:
    job = Job(model=str(path), **options)
    return load.load(job, open_core(job), guess).metadata


def beginning(path: Path, *steps: tuple[str, list[float]]) -> Path:
    """An ONNX model that does arithmetic on its image first."""
    node, tensor = onnx_models.node, onnx_models.tensor
    nodes, last, constants = [], "x", []
    for number, (op, values) in enumerate(steps):
        shape = (1, len(values), 1, 1)
        constants.append(tensor(f"c{number}", np.array(values, np.float32).reshape(shape)))
        nodes.append(node(op, [last, f"c{number}"], [f"s{number}"]))
        last = f"s{number}"
    nodes += [node("GlobalAveragePool", [last], ["g"]), node("Flatten", ["g"], ["y"])]
    ends = [onnx_models.value("y", ["N", 3])]
    path.write_bytes(
        onnx_models.model(nodes, [onnx_models.value("x", ["N", 3, 8, 8])], ends, constants)
    )
    return path


def test_onnx_in_planes_is_taken_for_torchs(tmp_path: Path) -> None:
    found = known(onnx_models.colours(tmp_path / "m.onnx"))
    pre = found.pre
    assert (pre.reverse_input_channels, pre.resize_type) == (True, "shortest_edge")
    assert pre.mean_values == pytest.approx((123.675, 116.28, 103.53))
    assert pre.scale_values == pytest.approx((58.395, 57.12, 57.375))
    assert found.origins["mean_values"] == "a guess: usual for models from torch"
    (guess,) = found.guesses
    assert guess in found.warnings
    assert "guesses: shortest edge and centre crop, RGB, ImageNet's mean and std" in guess


def test_an_ir_is_still_treated_as_by_openvinos_sample(tmp_path: Path) -> None:
    found = known(tiny_models.save(tiny_models.colour_model(), tmp_path / "m.xml"))
    assert (found.pre.reverse_input_channels, found.pre.resize_type) == (False, "standard")
    assert (found.pre.mean_values, found.pre.scale_values) == ((), ())
    assert "guesses: stretched, BGR, not normalised" in found.guesses[0]


def test_another_plausible_preprocessing_is_taken_by_name(tmp_path: Path) -> None:
    path = onnx_models.colours(tmp_path / "m.onnx")
    assert known(path).plausible[0] == "RGB, ImageNet"
    found = known(path, "BGR, Caffe")
    assert not found.pre.reverse_input_channels
    assert found.pre.mean_values == (104.0, 117.0, 123.0)
    assert found.pre.resize_type == "shortest_edge"
    assert found.origins["mean_values"] == "a guess: what fits the images best"
    with pytest.raises(ModelError, match="'RGB, Lab' is none"):
        known(path, "RGB, Lab")


@pytest.mark.parametrize(
    "options",
    [{"preprocess": "tf"}, {"mean_values": "0"}, {"reverse_input_channels": False}],
)
def test_what_is_said_by_hand_leaves_nothing_to_a_guess(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    found = known(onnx_models.colours(tmp_path / "m.onnx"), **options, strict_preprocess=True)
    assert (found.guesses, found.plausible) == ((), ())


def test_a_resize_alone_says_nothing_of_order_and_numbers(tmp_path: Path) -> None:
    found = known(onnx_models.colours(tmp_path / "m.onnx"), resize_type="standard")
    assert (found.pre.resize_type, found.pre.reverse_input_channels) == ("standard", True)
    assert "guesses: RGB, ImageNet" in found.guesses[0]


def test_a_guess_can_be_refused(tmp_path: Path) -> None:
    path = onnx_models.colours(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"--strict-preprocess: the model does not say"):
        known(path, strict_preprocess=True)
    size = tiny_models.save(tiny_models.colour_model(dynamic=True), tmp_path / "m.xml")
    with pytest.raises(ModelError, match="leaves its input size open"):
        known(size, preprocess="timm", strict_preprocess=True)


@pytest.mark.parametrize(
    ("steps", "scale"),
    [
        ([("Sub", [123.7, 116.3, 103.5]), ("Div", [58.4, 57.1, 57.4])], ()),
        ([("Div", [255.0])], ()),
        ([("Mul", [1 / 127.5]), ("Add", [-1.0])], ()),
        ([("Sub", [0.485, 0.456, 0.406]), ("Div", [0.229, 0.224, 0.225])], (255.0,) * 3),
        ([("Mul", [2.0]), ("Sub", [1.0])], (255.0,) * 3),
    ],
    ids=str,
)
def test_a_graph_that_normalises_gets_what_it_takes(
    tmp_path: Path, steps: list[tuple[str, list[float]]], scale: tuple[float, ...]
) -> None:
    found = known(beginning(tmp_path / "m.onnx", *steps))
    assert (found.pre.mean_values, found.pre.scale_values) == ((), scale)
    assert found.pre.reverse_input_channels
    assert len(found.plausible) == 2  # the order is all that is left


@pytest.mark.parametrize(
    ("order", "range_", "numbers"),
    [
        ("Bgr8", "NominalRange_0_255", ((), ())),  # Custom Vision's
        ("Rgb8", "Normalized_0_1", ((), (255.0,) * 3)),
        ("rgb8", "normalized_1_1", ((127.5,) * 3, (127.5,) * 3)),
    ],
)
def test_what_onnx_says_of_its_images_is_no_guess(
    tmp_path: Path, order: str, range_: str, numbers: tuple[tuple[float, ...], tuple[float, ...]]
) -> None:
    said = {"Image.BitmapPixelFormat": order, "Image.NominalPixelRange": range_}
    path = onnx_models.colours(tmp_path / "m.onnx", properties=said)
    found = known(path, strict_preprocess=True)
    assert found.pre.reverse_input_channels == (order.lower() == "rgb8")
    assert (found.pre.mean_values, found.pre.scale_values) == numbers
    assert found.pre.resize_type == "standard"
    assert found.origins["reverse_input_channels"] == "the model's metadata_props"


def test_means_in_the_graph_tell_the_order(tmp_path: Path) -> None:
    found = known(beginning(tmp_path / "m.onnx", ("Sub", [103.5, 116.3, 123.7])))
    assert found.plausible == ("BGR, none", "RGB, none")


def test_gray_models_have_no_order(tmp_path: Path) -> None:
    nodes = [onnx_models.node("Flatten", ["x"], ["y"])]
    images, scores = [onnx_models.value("x", ["N", 1, 8, 8])], [onnx_models.value("y", ["N", 64])]
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_models.model(nodes, images, scores))
    found = known(path)
    assert (found.pre.mean_values, found.pre.scale_values) == ((), (255.0,))
    assert found.plausible == ("0..1", "-1..1", "ImageNet", "none")
    assert "RGB" not in found.guesses[0]


def test_bytes_have_an_order_and_no_numbers(tmp_path: Path) -> None:
    path = tiny_models.save(tiny_models.echo_model(4, 4, "NHWC", "u8"), tmp_path / "m.xml")
    assert known(path).plausible == ("BGR, none", "RGB, none")
    assert candidates(Kind("tensorflow", floating=False)) == (Candidate(True, "none"),)


def test_tensorflows_imagenet_models_take_minus_one_to_one_first() -> None:
    assert candidates(Kind("tensorflow", imagenet=True))[0].name == "RGB, -1..1"
    assert candidates(Kind("tensorflow"))[0].name == "RGB, none"


def test_a_candidates_numbers_are_in_its_own_order() -> None:
    assert Candidate(False, "Caffe").settings == Settings(
        reverse_input_channels=False, mean_values=(104.0, 117.0, 123.0), scale_values=()
    )


def test_the_crop_of_the_guess_is_torchvisions(tmp_path: Path) -> None:
    path = onnx_models.colours(tmp_path / "m.onnx", shape=("N", 3, 224, 224))
    assert geometry(known(path).pre, 500, 375).size == (341, 256)


def test_everything_thinkable_begins_with_what_is_plausible() -> None:
    for kind in (Kind("torch"), Kind("tensorflow", floating=False), Kind("sample", channels=1)):
        plausible, found = candidates(kind), thinkable(kind)
        assert found[: len(plausible)] == plausible
        assert len(set(found)) == len(found) == {1: 4, 3: 10 if kind.floating else 2}[kind.channels]
