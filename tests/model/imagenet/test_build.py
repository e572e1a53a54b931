"""The IR that is built: the same bytes everywhere, with all that is known about it inside."""

import hashlib
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from batchcls.errors import ModelError, SetupError
from batchcls.job.job import Job
from batchcls.model.builtin import imagenet as classes
from batchcls.model.compile import load
from batchcls.model.devices.core import open_core
from batchcls.model.files import imagenet
from batchcls.model.imagenet import build, network
from tests.support import lite0

pytestmark = pytest.mark.runs


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An IR whose weights are made up; its .xml is that of the real ones."""
    return build.write(lite0.tensors(), tmp_path_factory.mktemp("ir"))


def test_the_xml_is_the_one_that_its_folder_is_named_after(made_up: Path, tmp_path: Path) -> None:
    """A change of the network, the labels or the metadata needs another name in the cache."""
    again = build.write(lite0.tensors(), tmp_path)
    assert sha256(made_up) == sha256(again) == imagenet.XML_SHA256
    assert sha256(made_up.with_suffix(".bin")) == sha256(again.with_suffix(".bin"))


def test_it_says_how_images_are_preprocessed_and_what_the_classes_are(made_up: Path) -> None:
    job = Job(model=str(made_up))
    known = load.load(job, open_core(job)).metadata
    assert {origin for key, origin in known.origins.items() if key in known.pre.as_dict()} == {
        "rt_info batchcls",
        "the model's input shape",
    }
    assert (known.pre.resize_type, known.pre.resize_to) == ("shortest_edge", (256, 256))
    assert (known.pre.height, known.pre.width) == (224, 224)
    assert known.pre.interpolation == "pillow_bicubic"
    assert known.pre.reverse_input_channels
    assert (known.pre.mean_values, known.pre.scale_values) == ((127.0,) * 3, (128.0,) * 3)
    assert known.labels == classes.short_labels()
    assert known.activation.kind == "none"
    assert known.warnings == ()


def test_it_carries_licence_and_full_labels(made_up: Path) -> None:
    model = ov.Core().read_model(made_up)
    assert "Apache-2.0" in str(model.get_rt_info(["batchcls", "licence"]).astype(str))
    full = str(model.get_rt_info(["batchcls", "full_labels"]).astype(str))
    assert full.startswith('["tench, Tinca tinca", "goldfish')


def test_a_normalisation_is_folded_into_the_convolution_before_it() -> None:
    tensors = lite0.tensors()
    model = network.build(tensors)
    (stem,) = (op for op in model.get_ops() if op.get_friendly_name() == "_conv_stem.biased")
    pixels = np.random.default_rng(1).normal(0, 1, (1, 3, 224, 224)).astype(np.float32)
    head = ov.Model([ov.opset13.result(stem.output(0))], model.get_parameters(), "stem")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    found = ov.Core().compile_model(head, "CPU", exact)([pixels])[0][0]
    # TensorFlow's padding of 224 by 3 at stride 2: nothing before, one pixel behind.
    padded = np.pad(pixels[0].astype(np.float64), ((0, 0), (0, 1), (0, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    plain = np.einsum("ihwkl,oikl->ohw", windows, tensors["_conv_stem.weight"])
    gain, bias, mean, variance = (
        tensors[f"_bn0.{part}"][:, None, None].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    np.testing.assert_allclose(
        found, (plain - mean) / np.sqrt(variance + 1e-3) * gain + bias, atol=1e-5
    )


def test_the_real_weights_become_the_same_bytes_everywhere(tmp_path: Path) -> None:
    try:
        checkpoint = imagenet.checkpoint()
    except SetupError:
        pytest.skip("the extra `imagenet` is not installed")
    xml = build.write(build.read(checkpoint), tmp_path)
    assert sha256(xml) == imagenet.XML_SHA256
    assert sha256(xml.with_suffix(".bin")) == (
        "49949698d12aa3b4fb87664ce5e2dfb72858e21ec050352af3cd4bc3877c6e1f"
    )


def test_one_changed_byte_of_the_real_weights_is_refused(tmp_path: Path) -> None:
    try:
        data = bytearray(imagenet.checkpoint().read_bytes())
    except SetupError:
        pytest.skip("the extra `imagenet` is not installed")
    data[len(data) // 2] ^= 1
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(ModelError, match="is damaged"):
        build.read(tmp_path / "x.pth")
