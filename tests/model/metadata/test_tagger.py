"""Taggers: many tags per image, on a padded square; recognised by their table, or from options."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batchcls.cli.main import main
from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.export import export
from batchcls.model.infer.classifier import Classifier
from batchcls.model.preprocess.resample import resize
from tests.support.tiny_onnx import Node, save

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
SIZE = 16
TAGS = "tag_id,name,category,count\n9999,blue,9,7\n1,green,0,6\n2,red,0,5\n3,white_border,0,4\n"
OPTIONS: dict[str, Any] = {
    "preprocess": "none",
    "resize_type": "pad_to_square",
    "pad_value": "255",
    "interpolation": "pillow_bicubic",
    "multilabel": True,
    "threshold": 0.35,
}


def tagger(path: Path, *, channels_last: bool = True) -> Path:
    """Scores of four tags: how far each channel's mean, and the top row's, are above 127."""
    axes = [1, 2] if channels_last else [2, 3]
    shape: list[int | str] = ["n", SIZE, SIZE, 3] if channels_last else ["n", 3, SIZE, SIZE]
    nodes = [
        Node("ReduceMean", ["image"], "channels", {"axes": axes, "keepdims": 0}),
        Node("Slice", ["image", "zero", "one", "rows"], "top"),
        Node("ReduceMean", ["top"], "border", {"axes": [1, 2, 3], "keepdims": 0}),
        Node("Unsqueeze", ["border", "one"], "tag"),
        Node("Concat", ["channels", "tag"], "all", {"axis": 1}),
        Node("Sub", ["all", "half"], "centred"),
        Node("Div", ["centred", "step"], "logits"),
        Node("Sigmoid", ["logits"], "scores"),
    ]
    constants: dict[str, Any] = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "rows": np.array([1 if channels_last else 2], np.int64),
        "half": np.array([127.0], np.float32),
        "step": np.array([16.0], np.float32),
    }
    return save(path, nodes, constants, shape=shape, classes=["n", 4])


WIDE = np.full((4, 16, 3), (250, 30, 10), np.uint8)
"""Blue; padded, three quarters of its square are border."""
TALL = np.full((16, 15, 3), (0, 250, 0), np.uint8)


def tags(classifier: Classifier, image: np.ndarray) -> list[str]:
    (ring,) = classifier.rings
    scores = ring.ask([classifier.prepare(image)], 20.0)
    assert scores is not None
    return [one.label for one in classifier.outcome(scores[0])]


def test_the_table_beside_a_tagger_says_all(tmp_path: Path) -> None:
    model = tagger(tmp_path / "model.onnx")
    (tmp_path / "selected_tags.csv").write_text(TAGS)
    # timm's, of the weights that the ONNX file was made from
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "architecture": "vit_base_patch16_224",
                "num_classes": 4,
                "pretrained_cfg": {
                    "input_size": [3, SIZE, SIZE],
                    "interpolation": "bicubic",
                    "crop_pct": 1.0,
                    "mean": [0.5, 0.5, 0.5],
                    "std": [0.5, 0.5, 0.5],
                },
            }
        )
    )
    classifier = Classifier.open(Job(model=str(model), cache=False), ONE)
    assert classifier.description["warnings"] == []
    assert classifier.description["threshold"] == 0.35
    assert tags(classifier, WIDE) == ["white_border", "blue", "green", "red"]
    assert tags(classifier, TALL) == ["green"]
    assert tags(classifier, np.zeros((9, 9, 3), np.uint8)) == []
    expected = np.full((SIZE, SIZE, 3), 255, np.uint8)
    expected[6:10] = WIDE
    np.testing.assert_array_equal(classifier.prepare(WIDE), expected)
    classifier.close()


def test_with_its_channels_first_it_is_another_export(tmp_path: Path) -> None:
    model = tagger(tmp_path / "model.onnx", channels_last=False)
    (tmp_path / "selected_tags.csv").write_text(TAGS)
    classifier = Classifier.open(Job(model=str(model), cache=False), ONE)
    told = classifier.description
    assert told["preprocess"]["resize_type"] != "pad_to_square"
    assert told["threshold"] == 0.35
    assert any("take BGR on a white square" in text for text in told["warnings"])
    classifier.close()
    said: dict[str, Any] = {
        "reverse_input_channels": False,
        "resize_type": "pad_to_square",
        "pad_value": "255",
    }
    classifier = Classifier.open(Job(model=str(model), cache=False, **said), ONE)
    np.testing.assert_array_equal(classifier.prepare(WIDE)[0, 0], [255, 255, 255])
    classifier.close()


def test_options_say_the_same(tmp_path: Path) -> None:
    model = tagger(tmp_path / "model.onnx")
    (tmp_path / "tags.csv").write_text(TAGS)
    labels = str(tmp_path / "tags.csv")
    job = Job(model=str(model), labels=labels, cache=False, **OPTIONS)
    classifier = Classifier.open(job, ONE)
    assert tags(classifier, WIDE) == ["white_border", "blue", "green", "red"]
    assert tags(classifier, TALL) == ["green"]
    classifier.close()
    written = export(job, tmp_path / "out.xml")
    alone = Classifier.open(Job(model=str(written), cache=False), ONE)
    assert tags(alone, WIDE) == ["white_border", "blue", "green", "red"]
    alone.close()


def test_top_is_the_most_that_an_image_gets(tmp_path: Path) -> None:
    model = tagger(tmp_path / "model.onnx")
    (tmp_path / "selected_tags.csv").write_text(TAGS)
    few = Classifier.open(Job(model=str(model), cache=False, top=2), ONE)
    assert tags(few, WIDE) == ["white_border", "blue"]
    assert few.description["fingerprint"]["top"] == 2
    assert tags(few, TALL) == ["green"]
    few.close()


def test_a_threshold_needs_independent_classes(tmp_path: Path) -> None:
    model = tagger(tmp_path / "model.onnx")
    with pytest.raises(UsageError, match=r"--threshold 0.5: .*add `--multilabel`"):
        Classifier.open(Job(model=str(model), threshold=0.5, cache=False), ONE)


@pytest.mark.runs
def test_the_command_of_a_stranger(tmp_path: Path) -> None:
    model = tagger(tmp_path / "model.onnx")
    (tmp_path / "tags.csv").write_text(TAGS)
    folder, output = tmp_path / "photos", tmp_path / "results.jsonl"
    folder.mkdir()
    for name, image in (("dark", np.zeros((9, 9, 3), np.uint8)), ("tall", TALL), ("wide", WIDE)):
        assert cv2.imwrite(str(folder / f"{name}.png"), image)
    command = (
        f"run {folder} --model {model} --labels {tmp_path}/tags.csv --multilabel --threshold 0.9 "
        "--preprocess none --resize-type pad_to_square --pad-value 255 "
        f"--interpolation pillow_bicubic --output {output} --progress none"
    )
    assert main(command.split()) == 0
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    found = [[one["label"] for one in line["top"]] for line in lines]
    assert found == [[], ["green"], ["white_border", "blue", "green", "red"]]
    assert all(line["error"]["kind"] == "" for line in lines)


@pytest.mark.parametrize("interpolation", ["pillow_bicubic", "pillow_lanczos", "pillow_box"])
@pytest.mark.parametrize("size", [(5, 5), (64, 64), (20, 40)])
@pytest.mark.parametrize("shape", [(40, 17, 3), (1, 33, 3), (30, 29, 1), (3, 2, 3)])
def test_a_border_is_as_if_it_were_pixels(
    interpolation: str, size: tuple[int, int], shape: tuple[int, int, int]
) -> None:
    """Pillow's own resize of the padded square; `test_resample` compares that with Pillow."""
    image = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    height, width, channels = shape
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    colour = (255, 3, 114)[:channels]
    square = np.empty((side, side, channels), np.uint8)
    square[:] = colour
    square[top : top + height, left : left + width] = image
    box = (-left, -top, side - left, side - top)
    window = (0, 0, *size)
    expected = resize(square, size, window, interpolation)
    got = resize(image, size, window, interpolation, box, colour)
    np.testing.assert_array_equal(got, expected)
