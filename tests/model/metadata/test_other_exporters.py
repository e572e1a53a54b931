"""What Lobe, Paddle, MMDeploy and Teachable Machine put beside a model."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.errors import LabelsError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.files.find import model_files
from batchcls.model.infer.classifier import Classifier
from batchcls.model.metadata import lobe, mmdeploy, paddle
from batchcls.model.preprocess.geometry import geometry
from batchcls.model.preprocess.preprocess import resolve
from tests.support import onnx_models

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)


def opened(model: Path, **options: Any) -> dict[str, Any]:
    classifier = Classifier.open(Job(model=str(model), cache=False, **options), ONE)
    classifier.close()
    return classifier.description


# ---- Lobe

SIGNATURE = {
    "format": "onnx",
    "filename": "model.onnx",
    "classes": {"Label": ["red", "green", "blue"]},
    "inputs": {"Image": {"dtype": "float32", "shape": [None, 224, 224, 3], "name": "Image"}},
}


def test_lobe_fills_the_square_and_divides_by_255(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "model.onnx")
    (tmp_path / "signature.json").write_text(json.dumps(SIGNATURE))
    told = opened(model)
    assert told["labels"]["names"] == ["red", "green", "blue"]
    assert told["preprocess"]["scale_values"] == [255.0] * 3
    assert told["preprocess"]["reverse_input_channels"] is True
    assert told["warnings"] == []
    pre = resolve(lobe.settings(SIGNATURE), 224, 224, 3)
    assert geometry(pre, 300, 201).size == (round(224 / 201 * 300), 224)
    assert geometry(pre, 300, 201).offset == ((334 - 224) // 2, 0)


@pytest.mark.parametrize("values", [{}, {"classes": ["a"]}, {"classes": {"Label": [1]}}])
def test_somebody_elses_signature_says_nothing(values: dict[str, Any]) -> None:
    assert lobe.settings(values).silent


# ---- Paddle

INFERENCE = """\
Global:
  model_name: PP-LCNet_x1_0
PreProcess:
  transform_ops:
  - ResizeImage:
      resize_short: 256
  - CropImage:
      size: 224
  - NormalizeImage:
      channel_num: 3
      mean: [0.485, 0.456, 0.406]
      order: ''
      scale: 1.0/255.0
      std: [0.229, 0.224, 0.225]
  - ToCHWImage: null
PostProcess:
  Topk:
    topk: 5
    label_list: [red, green, 'no']
"""


def test_paddles_steps_and_labels(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "inference.onnx")
    (tmp_path / "inference.yml").write_text(INFERENCE)
    told = opened(model)
    pre = told["preprocess"]
    assert told["labels"]["names"] == ["red", "green", "no"]
    assert (pre["resize_type"], pre["resize_to"]) == ("shortest_edge", [256, 256])
    assert (pre["resize_rounding"], pre["crop_rounding"]) == ("nearest", "floor")
    assert (pre["interpolation"], pre["reverse_input_channels"]) == ("linear", True)
    assert pre["mean_values"] == pytest.approx([123.675, 116.28, 103.53])
    assert pre["scale_values"] == pytest.approx([58.395, 57.12, 57.375])
    assert told["warnings"] == []


def steps(**changed: Any) -> dict[str, Any]:
    found = {"ResizeImage": {"resize_short": "256"}, "NormalizeImage": {}} | changed
    return {"PreProcess": {"transform_ops": [{key: value} for key, value in found.items()]}}


def test_paddles_sizes_are_width_and_height() -> None:
    found = paddle.settings(steps(ResizeImage={"size": ["320", "160"]}), "x")
    assert (found.resize_type, found.height, found.width) == ("standard", 160, 320)
    found = paddle.settings(
        steps(ResizeImage={"size": "256", "interpolation": "bicubic", "backend": "pil"},
              CropImage={"size": ["224", "192"]}), "x")  # fmt: skip
    assert (found.resize_type, found.resize_to) == ("squash", (256, 256))
    assert (found.height, found.width, found.interpolation) == (192, 224, "pillow_bicubic")


@pytest.mark.parametrize(
    "values",
    [
        steps(RandFlipImage={}),
        steps(ResizeImage={"resize_short": "large"}),
        steps(ResizeImage={"size": "8", "interpolation": "magic"}),
        steps(NormalizeImage={"scale": "1/0"} | {"mean": ["x"]}),
        steps(ResizeImage={}),
    ],
)
def test_steps_of_paddle_that_are_not_known_are_told(values: dict[str, Any]) -> None:
    values = values | {"PostProcess": {"Topk": {"label_list": ["a", "b"]}}}
    found = paddle.settings(values, "inference.yml")
    assert found.labels == ("a", "b")
    assert found.resize_type is None
    assert "inference.yml: only its labels are used" in found.doubts[0]


@pytest.mark.parametrize("values", [{}, {"PreProcess": []}, {"PreProcess": {"transform_ops": "x"}}])
def test_somebody_elses_inference_says_nothing(values: dict[str, Any]) -> None:
    assert paddle.settings(values, "x").silent


# ---- MMDeploy


NORMALIZE = {"type": "Normalize", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    """As MMDeploy writes it for mmpretrain's classifiers."""
    transforms = [
        {"type": "LoadImageFromFile"},
        *steps,
        {"type": "ImageToTensor", "keys": ["img"]},
        {"type": "Collect", "keys": ["img"], "meta_keys": ["img_shape"]},
    ]
    net = {"name": "resnet", "type": "Task", "module": "Net", "input": ["prep_output"]}
    tasks = [{"name": "Preprocess", "module": "Transform", "transforms": transforms}, net]
    return {"pipeline": {"input": ["img"], "output": ["post_output"], "tasks": tasks}}


def test_mmdeploys_steps_are_followed(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "end2end.onnx")
    steps = (
        {"type": "Resize", "keep_ratio": True, "size": [256, -1]},
        {"type": "CenterCrop", "crop_size": 224},
        {**NORMALIZE, "to_rgb": True},
    )
    (tmp_path / "pipeline.json").write_text(json.dumps(pipeline(*steps)))
    told = opened(model)
    assert told["warnings"] == []
    assert told["preprocess"]["resize_type"] == "shortest_edge"
    assert told["preprocess"]["interpolation"] == "linear"
    assert told["preprocess"]["reverse_input_channels"] is True
    assert told["preprocess"]["mean_values"] == NORMALIZE["mean"]
    assert told["preprocess"]["scale_values"] == NORMALIZE["std"]


def of_the_sdk(width: int, height: int, edge: int, crop: int, *, keep: bool) -> tuple[Any, Any]:
    """(width, height) of the resized picture and (left, top) of its crop, as the SDK's C++ has it.

    resize.cpp and center_crop.cpp, in their order and types.
    """
    if width < height:
        new_width, new_height = edge, edge * height // width
    else:
        new_width, new_height = edge * width // height, edge
    if keep:
        longest, shortest = max(new_width, new_height), min(new_width, new_height)
        scale = np.float32(min(longest / max(height, width), shortest / min(height, width)))
        new_width = int(float(np.float32(width) * scale) + 0.5)
        new_height = int(float(np.float32(height) * scale) + 0.5)
    left = max(0, math.floor((new_width - crop) / 2 + 0.5))
    top = max(0, math.floor((new_height - crop) / 2 + 0.5))
    return (new_width, new_height), (left, top)


@pytest.mark.parametrize("keep", [False, True])
def test_mmdeploys_sizes_are_those_of_its_sdk(keep: bool) -> None:
    values = pipeline(
        {"type": "Resize", "keep_ratio": keep, "size": [257, -1]},
        {"type": "CenterCrop", "crop_size": [224, 224]},
    )
    pre = resolve(mmdeploy.settings(values), 224, 224, 3)
    for width, height in np.random.default_rng(7).integers(30, 4000, (3000, 2)).tolist():
        found = geometry(pre, width, height)
        assert (found.size, found.offset) == of_the_sdk(width, height, 257, 224, keep=keep)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"size": 32}, {"resize_type": "standard", "height": 32, "width": 32}),
        ({"size": [64, 32]}, {"resize_type": "standard", "height": 32, "width": 64}),
        ({"size": [64, 32], "interpolation": "bicubic"}, {"interpolation": "cubic"}),
    ],
)
def test_mmdeploys_other_sizes(step: dict[str, Any], expected: dict[str, Any]) -> None:
    found = mmdeploy.settings(pipeline({"type": "Resize", **step}, NORMALIZE))
    assert {key: getattr(found, key) for key in expected} == expected
    assert found.doubts == ()


@pytest.mark.parametrize(
    "steps",
    [
        ({"type": "LetterResize", "scale": [32, 32]}, NORMALIZE),
        ({"type": "Resize", "size": [32, -1]}, NORMALIZE),
        ({"type": "Resize", "size": [64, 32], "keep_ratio": True}, NORMALIZE),
        ({"type": "Resize", "size": [64, 32], "interpolation": "nearest"}, NORMALIZE),
        (NORMALIZE, {"type": "Resize", "size": 32}),
    ],
)
def test_mmdeploys_other_steps_are_shown(tmp_path: Path, steps: tuple[dict[str, Any], ...]) -> None:
    model = onnx_models.colours(tmp_path / "end2end.onnx")
    (tmp_path / "pipeline.json").write_text(json.dumps(pipeline(*steps)))
    warnings = " ".join(opened(model)["warnings"])
    assert "pipeline.json of MMDeploy is not followed" in warnings
    assert "123.675" in warnings
    (tmp_path / "pipeline.json").write_text('{"pipeline": ["mine"]}')
    assert "MMDeploy" not in " ".join(opened(model)["warnings"])


# ---- files of names


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labels.txt", "0 red\n1 green\n2 blue\n"),  # Teachable Machine's
        ("class_indices.json", '{"blue": 2, "green": 1, "red": 0}'),
        ("selected_tags.csv", "tag_id,name\n7,red\n3,green\n9,blue\n"),
        ("label_map.pbtxt", "".join(f"item {{ id: {i + 1} name: '{c}' }}\n"
                                    for i, c in enumerate(("red", "green", "blue")))),
    ],
)  # fmt: skip
def test_names_beside_a_model_are_its(tmp_path: Path, file: str, text: str) -> None:
    model = onnx_models.colours(tmp_path / "model.onnx")
    (tmp_path / file).write_text(text)
    told = opened(model)
    assert told["labels"]["names"] == ["red", "green", "blue"]
    assert told["origin"]["labels"] == file
    assert tmp_path / file in model_files(model)


def test_names_of_another_number_are_told_and_not_used(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "model.onnx")
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    told = opened(model)
    assert told["labels"]["names"] == ["class 0", "class 1", "class 2"]
    assert any("labels.txt beside the model has 4 names" in text for text in told["warnings"])
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    assert opened(model)["labels"]["names"] == ["x", "y", "z"]


def test_names_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "model.onnx")
    (tmp_path / "labels.txt").write_bytes(b"<html>")
    assert any("labels.txt is not used" in text for text in opened(model)["warnings"])


def test_what_the_model_says_itself_comes_before(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "model.onnx")
    (tmp_path / "labels.txt").write_text("x\ny\nz\n")
    (tmp_path / "config.json").write_text('{"id2label": {"0": "a", "1": "b", "2": "c"}}')
    assert opened(model)["labels"]["names"] == ["a", "b", "c"]
    names = tmp_path / "mine.txt"
    names.write_text("1\n2\n")
    with pytest.raises(LabelsError, match="the labels file has 2 labels"):
        opened(model, labels=str(names))


def test_names_beside_a_model_choose_among_its_outputs(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "m.onnx", {"output": "features", "z": "colours"})
    (tmp_path / "labels.txt").write_text("x\ny\nz\n")
    assert opened(model)["labels"]["names"] == ["x", "y", "z"]
