"""What each family of models says of itself, and what is made of it."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.errors import ModelError
from batchcls.job.choices import CHOICES
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.metadata import (
    huggingface,
    model_info,
    preprocessor_config,
    tflite,
    timm,
)
from batchcls.model.preprocess.geometry import geometry
from batchcls.model.preprocess.preprocess import resolve
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


# ---- Hugging Face


def test_vit_stretches_to_a_square() -> None:
    found = preprocessor_config.settings(
        {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}}
    )
    assert (found.resize_type, found.interpolation) == ("standard", "pillow_bilinear")
    assert found.mean_values == found.scale_values == (127.5, 127.5, 127.5)
    assert found.reverse_input_channels is True


@pytest.mark.parametrize("suffix", ["ImageProcessor", "FeatureExtractor", "ImageProcessorFast"])
def test_clip_resizes_the_shortest_edge_bicubic(suffix: str) -> None:
    found = preprocessor_config.settings(
        {"image_processor_type": f"CLIP{suffix}", "size": {"shortest_edge": 224}, "crop_size": 224}
        | IMAGENET
    )
    assert (found.resize_type, found.resize_to) == ("shortest_edge", (224, 224))
    assert found.interpolation == "pillow_bicubic"
    assert found.mean_values == (123.675, 116.28, 103.53)
    assert found.scale_values == (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
    ("edge", "kind", "box"), [(224, "shortest_edge", (256, 256)), (384, "standard", None)]
)
def test_convnext_crops_below_384(edge: int, kind: str, box: tuple[int, int] | None) -> None:
    found = preprocessor_config.settings(
        {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": edge}}
    )
    assert (found.resize_type, found.resize_to) == (kind, box)
    assert (found.height, found.width) == (edge, edge)


def test_deit_stretches_then_crops() -> None:
    found = preprocessor_config.settings(
        {
            "image_processor_type": "DeiTImageProcessor",
            "size": {"height": 256, "width": 256},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "resample": 3,
        }
    )
    assert (found.resize_type, found.resize_to) == ("squash", (256, 256))
    assert (found.height, found.interpolation) == (224, "pillow_bicubic")


def test_mobilevit_stays_bgr_and_unnormalised() -> None:
    found = preprocessor_config.settings(
        {
            "image_processor_type": "MobileViTImageProcessor",
            "size": {"shortest_edge": 288},
            "crop_size": {"height": 256, "width": 256},
            "do_flip_channel_order": True,
        }
    )
    assert found.reverse_input_channels is False
    assert found.mean_values == (0.0, 0.0, 0.0)
    assert found.scale_values == (255.0, 255.0, 255.0)


def test_rescale_offset_is_a_mean() -> None:
    found = preprocessor_config.settings(
        {"size": {"height": 8, "width": 8}, "rescale_factor": 1 / 127.5, "rescale_offset": True}
        | {"do_normalize": False}
    )
    assert (found.mean_values, found.scale_values) == ((127.5,) * 3, (127.5,) * 3)


def test_nothing_but_a_crop() -> None:
    found = preprocessor_config.settings(
        {"do_resize": False, "do_center_crop": True, "crop_size": {"height": 6, "width": 8}}
    )
    pre = resolve(found, 6, 8, 3)
    assert geometry(pre, 20, 10).size == (20, 10)
    assert geometry(pre, 20, 10).offset == (6, 2)


@pytest.mark.parametrize(
    "config",
    [
        {"image_processor_type": "ImageGPTImageProcessor"},
        {"size": {"height": 8, "width": 8}, "resample": 9},
        {"size": {"depth": 3}},
        {"size": {"height": 8, "width": 8}, "rescale_factor": 0},
    ],
)
def test_processors_that_cannot_be_followed(config: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        preprocessor_config.settings(config)


def test_config_gives_labels_and_the_problem() -> None:
    names = {"id2label": {"1": "dog", "0": "cat"}}
    assert huggingface.config(names).labels == ("cat", "dog")
    assert huggingface.config(names).multilabel is None
    assert huggingface.config({"problem_type": "multi_label_classification"}).multilabel is True
    assert huggingface.config({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}).labels is None
    with pytest.raises(ModelError, match="regression"):
        huggingface.config({"problem_type": "regression"})


def test_an_optimum_directory_needs_no_options(tmp_path: Path) -> None:
    tiny.save(tiny.colour_model(dynamic=True), tmp_path / "openvino_model.xml")
    (tmp_path / "config.json").write_text('{"id2label": {"0": "r", "1": "g", "2": "b"}}')
    processor: dict[str, Any] = {
        "image_processor_type": "BitImageProcessor",
        "size": {"shortest_edge": 20},
    }
    processor |= {"crop_size": {"height": 16, "width": 16}, "do_center_crop": True} | IMAGENET
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    classifier = Classifier.open(Job(model=str(tmp_path)), ONE)
    said, origin = classifier.description["preprocess"], classifier.description["origin"]
    assert (said["height"], said["resize_to"]) == (16, [20, 20])
    assert said["interpolation"] == "pillow_bicubic"
    assert origin["resize_type"] == origin["mean_values"] == "preprocessor_config.json"
    assert origin["labels"] == "config.json"
    assert classifier.description["warnings"] == []
    ring = classifier.rings[0]
    ring.start([0], [classifier.prepare(tiny.flat_colour((0, 0, 255)))])
    finished = ring.wait(20.0)
    assert finished is not None
    assert finished.scores[0, 0] == pytest.approx((255 - 123.675) / 58.395 / 16, rel=1e-5)
    assert classifier.outcome(finished.scores[0])[0].label == "r"


# ---- timm


def cfg(**values: Any) -> dict[str, Any]:
    return {"pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.9} | values}


def test_timm_centre_crop() -> None:
    found = timm.settings(cfg(interpolation="bicubic"), None)
    pre = resolve(found, 224, 224, 3)
    assert (pre.resize_type, pre.resize_to) == ("shortest_edge", (248, 248))  # floor(224 / 0.9)
    assert pre.interpolation == "pillow_bicubic"
    assert pre.mean_values == timm.IMAGENET_MEAN_255
    assert pre.scale_values == timm.IMAGENET_STD_255


def test_timm_squash_and_border() -> None:
    squash = resolve(timm.settings(cfg(crop_mode="squash", crop_pct=1.0), None), 224, 224, 3)
    assert geometry(squash, 300, 100).size == (224, 224)
    border = resolve(timm.settings(cfg(crop_mode="border", crop_pct=1.0), None), 224, 224, 3)
    assert border.pad_value == (124, 116, 104)
    assert geometry(border, 300, 100).size == (224, 75)
    assert geometry(border, 300, 100).offset == (0, -74)


def test_timm_test_size_where_the_model_has_it() -> None:
    config = cfg(test_input_size=[3, 288, 288], test_crop_pct=1.0)
    assert timm.settings(config, (288, 288)).crop_pct == 1.0
    assert timm.settings(config, (224, 224)).crop_pct == 0.9


def test_timm_labels_and_nonsense() -> None:
    assert timm.settings({"label_names": ["a", "b"]}, None).labels == ("a", "b")
    with pytest.raises(ModelError, match="crop_mode"):
        timm.settings(cfg(crop_mode="spiral"), None)


# ---- TFLite


def flatbuffer(spec: dict[int, Any]) -> bytes:
    """A FlatBuffer of nested tables: number → int, text, bytes, floats, table, list of tables."""
    data = bytearray(4)
    struct.pack_into("<I", data, 0, write(data, spec))
    return bytes(data)


def write(data: bytearray, value: Any) -> int:
    """Append a value, its children behind it; its position."""
    data += b"\0" * (-len(data) % 4)
    start = len(data)
    if isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        data += struct.pack("<I", len(raw)) + raw
        return start
    if isinstance(value, list) and isinstance(value[0], float):
        data += struct.pack(f"<I{len(value)}f", len(value), *value)
        return start
    if isinstance(value, list):
        data += struct.pack("<I", len(value)) + b"\0" * 4 * len(value)
        slots = dict(enumerate(value))
        first = start + 4
    else:
        count = max(value) + 1
        offsets = [4 + 4 * number if number in value else 0 for number in range(count)]
        head = struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 4 * count, *offsets)
        data += head + b"\0" * (-len(head) % 4)
        vtable, start = start, len(data)
        data += struct.pack("<i", start - vtable) + b"\0" * 4 * count
        slots, first = value, start + 4
    for number, child in slots.items():
        where = first + 4 * number
        inline = isinstance(child, int)
        struct.pack_into("<I", data, where, child if inline else write(data, child) - where)
    return start


def tflite_file(labels: str | None = "labels.txt") -> bytes:
    """A file with nothing of a TFLite model but its metadata and label file."""
    image = {3: {0: 2, 1: {0: 1}}, 4: [{0: 1, 1: {0: [10.0, 20.0, 30.0], 1: [2.0]}}]}
    output = {6: [{0: "labels.txt", 2: 2}]}
    metadata = flatbuffer({0: "a model", 3: [{2: [image], 3: [output]}]})
    model = flatbuffer({4: [{0: b""}, {0: metadata}], 6: [{0: "TFLITE_METADATA", 1: 1}]})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        if labels:
            file.writestr(labels, "cat\ndog\n")
    return model + archive.getvalue()


def test_tflite_metadata(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(tflite_file())
    found = tflite.settings(path)
    assert found.reverse_input_channels is True
    assert (found.mean_values, found.scale_values) == ((10.0, 20.0, 30.0), (2.0,))
    assert found.labels == ("cat", "dog")
    path.write_bytes(tflite_file(labels=None))
    assert tflite.settings(path).labels is None


@pytest.mark.real
def test_the_reader_finds_its_way_in_real_metadata(real_data: Path) -> None:
    for path in sorted((real_data / "models").glob("*.tflite")):
        found = tflite.settings(path)
        assert found.reverse_input_channels is True
        assert found.mean_values == found.scale_values == (127.5,)
        assert found.labels is not None
        assert (len(found.labels), found.labels[0]) == (1001, "background")


def test_damaged_metadata_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    rng = np.random.default_rng(5)
    for length in (0, 7, 40, 400):
        path.write_bytes(b"\x1c\0\0\0TFL3" + rng.bytes(length))
        assert tflite.is_tflite(path)
        assert tflite.settings(path).labels is None
    whole = tflite_file()
    for cut in range(8, len(whole), 7):
        path.write_bytes(whole[:cut])
        assert tflite.settings(path).labels is None


def test_tflite_convention_and_label_archive() -> None:
    assert tflite.convention("f32", imagenet=True).mean_values == (127.5,)
    assert tflite.convention("f32", imagenet=False).mean_values is None
    assert tflite.convention("u8", imagenet=True).reverse_input_channels is True
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("labels.txt", "cat\ndog\n")
    assert tflite._labels(b"model" + archive.getvalue(), "labels.txt", "m") == ("cat", "dog")
    assert tflite._labels(b"model", "labels.txt", "m") is None


# ---- model_api, presets


@pytest.mark.parametrize(
    ("info", "wanted"),
    [
        ({"intensity_mode": "scale_to_unit"}, ("scale_to_unit", 255.0)),
        ({"intensity_mode": "scale_to_unit", "input_dtype": "u16"}, ("scale_to_unit", 65535.0)),
        (
            {
                "intensity_mode": "window",
                "intensity_window_center": "100",
                "intensity_window_width": "50",
            },
            ("window", 100.0, 50.0),
        ),
        ({"intensity_mode": "percentile"}, ("percentile", 1.0, 99.0)),
        (
            {"intensity_mode": "range_scale", "intensity_scale_factor": "2"},
            ("range_scale", 2.0, 0.0),
        ),
    ],
)
def test_intensity_modes_reach_the_tensor(
    tmp_path: Path, info: dict[str, str], wanted: tuple[Any, ...]
) -> None:
    assert model_info.from_keys(info, tmp_path).intensity == wanted
    path = tiny.save(tiny.echo_model(), tmp_path / "m.xml", info)
    image = np.random.default_rng(2).integers(0, 256, (4, 4, 3), np.uint8)
    classifier = Classifier.open(Job(model=str(path)), ONE)
    classifier.rings[0].start([0], [classifier.prepare(image)])
    finished = classifier.rings[0].wait(20.0)
    assert finished is not None
    pixels = image.transpose(2, 0, 1).reshape(-1).astype(np.float32)
    match wanted:
        case ("scale_to_unit", largest):
            expected = pixels / largest
        case ("window", centre, width):
            expected = np.clip((pixels - (centre - width / 2)) / width, 0, 1)
        case ("percentile", low, high):
            a, b = np.percentile(image, [low, high])
            expected = np.clip((pixels - a) / (b - a), 0, 1)
        case _:
            expected = pixels * 2
    np.testing.assert_allclose(finished.scores[0], expected, atol=1e-6)


def test_embedded_processing_gets_the_picture_as_it_is(tmp_path: Path) -> None:
    import openvino as ov
    from openvino import opset13 as ops

    parameter = ops.parameter(ov.PartialShape([1, -1, -1, 3]), ov.Type.u8)
    means = ops.reduce_mean(ops.convert(parameter, "f32"), np.array([1, 2]), keep_dims=False)
    model = ov.Model([means], [parameter], "embedded")
    info = {"embedded_processing": "True", "orig_height": "224", "orig_width": "224"}
    path = tiny.save(model, tmp_path / "m.xml", info | {"mean_values": "1 2 3"})
    classifier = Classifier.open(Job(model=str(path)), Threads(nstreams="1", nireq=2, batch_size=4))
    ring = classifier.rings[0]
    assert ring.batch_size == 1
    for size in ((5, 9), (31, 4)):
        ring.start([size], [classifier.prepare(tiny.flat_colour((10, 20, 30), *size))])
        finished = ring.wait(20.0)
        assert finished is not None
        assert finished.scores[0].tolist() == [10, 20, 30]


def test_the_layout_before_embedding_says_nothing(tmp_path: Path) -> None:
    info = {"embedded_processing": "True", "layout": "image:NCHW"}
    assert model_info.from_keys(info, tmp_path).layout is None
    assert model_info.from_keys({"layout": "image:NCHW"}, tmp_path).layout == "NCHW"


def answer(model: Path, **options: Any) -> list[tuple[int, str, float]]:
    """Of a picture whose means are 160, 80 and 0: `colour_model` makes 10, 5 and 0 of it."""
    classifier = Classifier.open(Job(model=str(model), **options), ONE)
    classifier.rings[0].start([0], [classifier.prepare(tiny.flat_colour((160, 80, 0)))])
    finished = classifier.rings[0].wait(20.0)
    assert finished is not None
    found = classifier.outcome(finished.scores[0])
    classifier.close()
    return [(one.index, one.label, one.score) for one in found]


def test_topk_is_the_models_wish_and_top_the_users(tmp_path: Path) -> None:
    says = tiny.save(tiny.colour_model(), tmp_path / "two.xml", {"topk": "2"})
    assert [index for index, _, _ in answer(says)] == [0, 1]
    assert [index for index, _, _ in answer(says, top=1)] == [0]
    default = tiny.save(tiny.colour_model(), tmp_path / "one.xml", {"topk": "1"})
    assert [index for index, _, _ in answer(default)] == [0, 1, 2]  # model_api writes 1 everywhere


def test_multilabel_scores_are_sigmoids_above_the_threshold(tmp_path: Path) -> None:
    info = {"multilabel": "YES", "confidence_threshold": "0.9", "labels": "a b c"}
    assert [
        (index, label)
        for index, label, _ in answer(tiny.save(tiny.colour_model(), tmp_path / "m.xml", info))
    ] == [(0, "a"), (1, "b")]  # sigmoid of 10, 5 and 0
    assert answer(tmp_path / "m.xml")[1][2] == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-6)


def test_a_single_class_is_yes_or_no(tmp_path: Path) -> None:
    """A softmax of one class is 1 whatever the image."""
    model = tiny.colour_model(dynamic=True)
    from openvino import opset13 as ops

    source = model.outputs[0].get_node().input_value(0)
    one = ops.reduce_mean(source, np.array([1]), keep_dims=True)  # of 10, 5 and 0
    for result in model.get_results():
        model.remove_result(result)
    model.add_results([ops.result(one)])
    path = tiny.save(model, tmp_path / "m.xml", {"labels": "fox"})
    ((index, label, score),) = answer(path)
    assert (index, label) == (0, "fox")
    assert score == pytest.approx(1 / (1 + np.exp(-5)))


def test_one_label_too_few_lacks_the_first_as_model_api_says(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", {"labels": "a b"})
    assert [label for _, label, _ in answer(path)] == ["other", "a", "b"]


@pytest.mark.parametrize("beside", [(), ("raw_scores",), ("feature_vector", "raw_scores")])
def test_a_final_topk_gives_all_scores(tmp_path: Path, beside: tuple[str, ...]) -> None:
    """What model_api's earlier versions saved: `indices` and `scores` of the best, sorted."""
    from openvino import opset13 as ops

    model = tiny.colour_model(softmax=True)
    scores = model.outputs[0].get_node().input_value(0)
    scores.get_tensor().set_names(set())
    best = ops.topk(scores, np.int64(2), 1, "max", "value", index_element_type="i64")
    for result in model.get_results():
        model.remove_result(result)
    outputs = [ops.result(best.output(1)), ops.result(best.output(0))]
    features = ops.tile(scores, np.array([1, 4]))
    outputs += [ops.result(features if name == "feature_vector" else scores) for name in beside]
    for output, name in zip(outputs, ("indices", "scores", *beside), strict=True):
        output.input_value(0).get_tensor().add_names({name})
    model.add_results(outputs)
    path = tiny.save(model, tmp_path / "m.xml", {"labels": "a b c"})
    found = answer(path)
    assert [label for _, label, _ in found] == ["a", "b", "c"]
    assert sum(score for _, _, score in found) == pytest.approx(1.0)


def test_path_to_labels_is_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("0 red fox, Vulpes\n1 cat\n")
    found = model_info.from_keys({"path_to_labels": "names.txt"}, tmp_path)
    assert found.labels == ("red fox, Vulpes", "cat")


@pytest.mark.parametrize(
    "info",
    [
        {"model_type": "ssd"},
        {"mean_values": "red green"},
        {"pad_value": "grey"},
        {"interpolation_mode": "MAGIC"},
        {"intensity_mode": "glow"},
        {"intensity_mode": "window"},
    ],
)
def test_model_info_that_makes_no_sense(tmp_path: Path, info: dict[str, str]) -> None:
    with pytest.raises(ModelError):
        model_info.from_keys(info, tmp_path)


@pytest.mark.parametrize("name", CHOICES["preprocess"])
def test_a_preset_leaves_a_quantised_input_its_own_numbers(name: str, tmp_path: Path) -> None:
    """They are in its quantisation: what it takes are pixels."""
    path = tiny.save(tiny.quantised_colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), preprocess=name), ONE)
    found = classifier.description["preprocess"]
    assert (found["mean_values"], found["scale_values"]) == ([], [])
    assert classifier.description["origin"]["mean_values"] == "the input's quantisation"
    assert classifier.description["origin"]["resize_type"] == f"the preset {name}"


@pytest.mark.parametrize("name", CHOICES["preprocess"])
def test_every_preset_fits_a_gray_model(name: str, tmp_path: Path) -> None:
    parameter = ops.parameter([1, 1, 8, 8], ov.Type.f32)
    flat = ops.reshape(parameter, np.array([1, 64]), special_zero=False)
    path = tiny.save(ov.Model([flat], [parameter], "gray"), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), preprocess=name), ONE)
    pre = classifier.description["preprocess"]
    expected = {"torchvision": [114.495], "timm": [114.495], "tf": [127.5], "caffe": [344 / 3]}
    assert pre["mean_values"] == pytest.approx(expected.get(name, []))
    assert not pre["reverse_input_channels"]


@pytest.mark.parametrize("name", CHOICES["preprocess"])
def test_every_preset_resolves(name: str, tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), preprocess=name, interpolation="area"), ONE)
    assert classifier.description["warnings"] == []
    assert classifier.description["origin"]["resize_type"] == f"the preset {name}"
    assert classifier.description["origin"]["interpolation"] == "the command line"
