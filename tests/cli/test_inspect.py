"""What `inspect` shows of a model: every value with its origin."""

import json
from pathlib import Path

import pytest

from batchcls.cli import inspect
from batchcls.cli.main import main
from tests.support import tiny_models as tiny


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_model_is_shown_with_the_origin_of_every_value() -> None:
    words = inspect.render_model(
        {
            "model": "m.xml",
            "inputs": [{"name": "data", "shape": "[1,3,224,224]", "type": "f32"}],
            "outputs": [{"name": "prob", "shape": "[1,1000]", "type": "f32"}],
            "preprocess": {"resize_type": "crop", "mean_values": [123.675, 116.28, 103.53]},
            "activation": "softmax",
            "threshold": None,
            "top": 5,
            "labels": ["tench, Tinca tinca", "goldfish", "c", "d", "e", "f"],
            "features": {"name": "pooled", "shape": "[1,1280]", "size": 1280},
            "origin": {"resize_type": "model_info", "labels": "the command line", "top": "rt_info"},
            "warnings": ["this is a guess"],
        }
    )
    assert "resize_type  crop                   model_info" in words
    assert "mean_values  123.675 116.28 103.53" in words
    assert "top         5" in words
    assert "labels      6: tench, goldfish, c, d, e, …  the command line" in words
    assert "features    1,280 for `--with embedding`    the tensor pooled" in words
    assert words.endswith("warning: this is a guess")


@pytest.mark.parametrize(
    ("in_graph", "asked", "expected"),
    [
        (False, None, "softmax"), (False, "sigmoid", "sigmoid"), (False, "none", "none"),
        (True, "softmax", "none"), (True, None, "none"), (True, "sigmoid", "sigmoid"),
    ],
)  # fmt: skip
def test_the_activation_asked_for_wins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, in_graph: bool, asked: str | None,
    expected: str,
) -> None:  # fmt: skip
    path = tiny.save(tiny.colour_model(softmax=in_graph), tmp_path / "m.xml")
    words = [] if asked is None else ["--activation", asked]
    assert run("inspect", path, "--json", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["activation"] == expected
    assert (found["origin"]["activation"] == "the command line") == (asked is not None)


@pytest.mark.real
def test_inspect_names_every_origin(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = real_data / "models"
    words = ["inspect", str(models / "tf2_mobilenet_v2_1.0_224_ptq.tflite"),
             "--labels", str(models / "imagenet_labels.txt")]  # fmt: skip
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["preprocess"]["height"], len(found["labels"])) == (224, 1001)
    assert found["origin"]["labels"] == "the command line"
    assert set(found["preprocess"]) <= set(found["origin"])
    assert main(words) == 0
    assert "1,001: background, tench, goldfish" in capsys.readouterr().out
    assert main([*words, "--mean-values", "[1,2,3]", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["origin"]["mean_values"] == "the command line"
