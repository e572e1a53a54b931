"""Files beside a model: whose they are, what is uncertain about them, and whose are not used."""

import json
from pathlib import Path
from typing import Any

import pytest

from batchcls.errors import LabelsError, ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.metadata import huggingface, labels, preprocessor_config
from tests.support import tiny_models as tiny

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
RGB_HALF = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 8, "width": 8},
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def folder(path: Path, **files: Any) -> Path:
    """A model of three classes with these files beside it; `_` in a name stands for a dot."""
    path.mkdir(exist_ok=True)
    tiny.save(tiny.colour_model(), path / "openvino_model.xml")
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (path / ".".join(name.rsplit("_", 1))).write_text(text)
    return path


def opened(path: Path) -> dict[str, Any]:
    classifier = Classifier.open(Job(model=str(path), cache=False), ONE)
    classifier.close()
    return classifier.description


# ---- image processors


@pytest.mark.parametrize(
    ("config", "model_type", "doubt"),
    [
        ({"image_processor_type": "ViTImageProcessorFast"}, "", None),
        ({"image_processor_type": "SegformerImageProcessorPil"}, "", None),
        ({"feature_extractor_type": "DonutFeatureExtractor"}, "", None),
        ({}, "regnet", None),
        ({"image_processor_type": "GlowImageProcessor"}, "vit", "GlowImageProcessor is not known"),
        ({}, "glow", "the model_type 'glow' is not known"),
        ({}, "", "no config.json with a model_type"),
        ({"image_processor_type": "ViTImageProcessor", "do_resize": False}, "", "do_resize false"),
        (
            {"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 8}},
            "",
            "in their own shape",
        ),
        ({"image_processor_type": "SiglipImageProcessor", "size": 8}, "", "in their own shape"),
        ({"image_processor_type": "TextNetImageProcessor"}, "", "in their own shape"),
    ],
)
def test_what_is_uncertain_about_a_processor_is_told(
    config: dict[str, Any], model_type: str, doubt: str | None
) -> None:
    doubts = preprocessor_config.settings(config, model_type).doubts
    assert len(doubts) == (doubt is not None)
    assert doubt is None or doubt in doubts[0]


@pytest.mark.parametrize(
    "config",
    [
        {"image_processor_type": "ImageGPTImageProcessor"},
        {"image_processor_type": "Siglip2ImageProcessor"},
        {"image_processor_type": "DonutImageProcessor", "do_align_long_axis": True},
        {"image_processor_type": "DonutImageProcessor", "do_pad": False},
        {"image_processor_type": "PerceiverImageProcessor", "crop_size": 8, "size": 16},
        {"image_processor_type": "ViTImageProcessor", "size": [224]},
        {"image_processor_type": "ViTImageProcessor", "size": {"longest_edge": 224}},
        {"image_processor_type": "ViTImageProcessor", "size": None},
        {"image_processor_type": "ViTImageProcessor", "image_mean": None},
        {"image_processor_type": "CLIPImageProcessor", "crop_size": None},
    ],
)
def test_steps_that_cannot_be_followed_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        preprocessor_config.settings(config)


def test_the_model_type_names_the_class_where_the_processors_file_does_not(tmp_path: Path) -> None:
    size = {"size": 8, "crop_size": 8}
    told = opened(
        folder(tmp_path, preprocessor_config_json=size, config_json={"model_type": "vit"})
    )
    assert told["preprocess"]["resize_type"] == "standard"
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    told = opened(tmp_path)
    assert told["preprocess"]["resize_type"] == "shortest_edge"
    assert told["preprocess"]["interpolation"] == "pillow_bicubic"
    (tmp_path / "config.json").write_text('{"image_processor_type": "SegformerImageProcessor"}')
    assert opened(tmp_path)["preprocess"]["mean_values"] == [123.675, 116.28, 103.53]
    assert opened(tmp_path)["warnings"] == []


def test_a_processor_in_processor_config_comes_first(tmp_path: Path) -> None:
    own = {"image_processor": RGB_HALF | {"resample": 0}, "processor_class": "CLIPProcessor"}
    told = opened(folder(tmp_path, processor_config_json=own, preprocessor_config_json=RGB_HALF))
    assert told["preprocess"]["interpolation"] == "pillow_nearest"
    (tmp_path / "processor_config.json").write_text('{"processor_class": "CLIPProcessor"}')
    assert opened(tmp_path)["preprocess"]["interpolation"] == "pillow_bilinear"


# ---- id2label


def test_ids_with_a_gap_keep_the_names_there_are(tmp_path: Path) -> None:
    names = {"model_type": "vit", "id2label": {"0": "red", "2": "blue"}}
    told = opened(folder(tmp_path, config_json=names, preprocessor_config_json=RGB_HALF))
    assert told["labels"]["names"] == ["red", "class 1", "blue"]
    assert told["warnings"] == ["config.json: id2label has no name for 1; these are numbered"]


def test_placeholders_are_no_names_with_a_gap_either() -> None:
    assert huggingface.config({"id2label": {"0": "LABEL_0", "2": "LABEL_2"}}).labels is None


def test_ids_beyond_the_classes_are_refused(tmp_path: Path) -> None:
    """Counted from one: that the first name is class 0's would be a guess."""
    names = {"id2label": {"1": "red", "2": "green", "3": "blue"}}
    with pytest.raises(LabelsError, match="4 labels, the model has 3 classes"):
        opened(folder(tmp_path, config_json=names))


@pytest.mark.parametrize("ids", [["-1", "0"], ["0", "4294967296"], ["zero"]])
def test_ids_that_are_none_are_told(ids: list[str]) -> None:
    found = huggingface.config({"id2label": dict.fromkeys(ids, "a")})
    assert found.labels is None
    assert "config.json" in found.doubts[0]
    with pytest.raises(LabelsError):
        labels.by_id(dict.fromkeys(ids, "a"), "config.json")


# ---- files of other programs


@pytest.mark.runs
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config_json", '["classes", "of", "my annotation tool"]'),
        ("config_json", '{"id2label": '),
        ("config_json", "[" * 100_000),
        ("preprocessor_config_json", "<html>"),
        ("processor_config_json", "3"),
        ("metadata_yaml", "task: [classify"),
        ("metadata_yaml", "a: 1\n---\nb: 2\n"),
    ],
)
def test_what_cannot_be_read_is_a_warning(tmp_path: Path, name: str, content: str) -> None:
    told = opened(folder(tmp_path, **{name: content}))
    file = ".".join(name.rsplit("_", 1))
    assert any(file in text and "is not used" in text for text in told["warnings"])
    assert all("\n" not in text for text in told["warnings"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata_yaml", "title: photos\nnames: {zero: a}\n"),
        ("metadata_yaml", "task: image-classification\nimgsz: large\n"),
        ("metadata_yaml", "- a\n- list\n"),
        ("config_json", '{"labels": ["a", "b"]}'),
    ],
)
def test_what_is_somebody_elses_says_nothing(tmp_path: Path, name: str, content: str) -> None:
    bare = opened(folder(tmp_path / "bare"))
    told = opened(folder(tmp_path / "beside", **{name: content}))
    assert told["preprocess"] == bare["preprocess"]
    assert told["warnings"] == bare["warnings"]
    assert told["labels"] == bare["labels"]
