"""Softmax of ONNX is over what the operator of its version says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model import export
from batchcls.model.files import onnx
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny
from tests.support import tiny_onnx
from tests.support.tiny_onnx import Node

pytestmark = pytest.mark.runs

MEANS = np.array([90, 10, 40], np.float32)
HEADS: dict[str, list[int]] = {"N11C": [0, 1, 1, 3], "NC11": [0, 3, 1, 1], "N1C": [0, 1, 3]}


def save(path: Path, opset: int, head: str, kind: str, axis: int | None) -> Path:
    """Scores of the channels' means / 32, softmax over an axis of a head of some shape."""
    options = {} if axis is None else {"axis": axis}
    shape = HEADS[head]
    nodes = [
        Node("GlobalAveragePool", ["image"], "pooled"),
        Node("Mul", ["pooled", "share"], "logits"),
        Node("Reshape", ["logits", "shape"], "head"),
        Node(kind, ["head"], "scores", options),
    ]
    constants: dict[str, Any] = {
        "share": np.array(1 / 32, np.float32),
        "shape": np.array(shape, np.int64),
    }
    return tiny_onnx.save(
        path, nodes, constants, shape=["n", 3, 8, 8], classes=["n", *shape[1:]], opset=opset
    )


def answer(path: Path, batch_size: int) -> NDArray[np.float32]:
    threads = Threads(nthreads=1, nstreams="1", nireq=1, batch_size=batch_size)
    classifier = Classifier.open(Job(model=str(path), preprocess="none"), threads)
    picture = tiny.flat_colour((90, 10, 40), 8, 8)
    rows = tiny.raw_scores(classifier, [picture] * batch_size)
    found = np.stack([classifier.probabilities(row) for row in rows])
    classifier.close()
    return found


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [9, 10, 11, 12, 13, 17])
def test_a_head_of_any_shape_gives_probabilities(
    tmp_path: Path, opset: int, kind: str, head: str, batch_size: int
) -> None:
    # 13 begins to mean this axis alone: exporters name that of the classes since.
    axis = None if opset < 13 else HEADS[head].index(3)
    path = save(tmp_path / "m.onnx", opset, head, kind, axis)
    powers = np.exp(MEANS / 32)
    found = answer(path, batch_size)
    np.testing.assert_allclose(found, [powers / powers.sum()] * batch_size, atol=1e-5)


@pytest.mark.parametrize("opset", [11, 12])
@pytest.mark.parametrize(("head", "axis"), [("N11C", 1), ("N11C", 2), ("N11C", -2), ("N1C", 1)])
def test_from_its_axis_on_all_sizes_count(tmp_path: Path, opset: int, head: str, axis: int) -> None:
    powers = np.exp(MEANS / 32)
    path = save(tmp_path / "m.onnx", opset, head, "Softmax", axis)
    np.testing.assert_allclose(answer(path, 1), [powers / powers.sum()], atol=1e-5)


def test_what_is_exported_keeps_it(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", 11, "N11C", "Softmax", None)
    written = export.export(Job(model=str(path), preprocess="none"), tmp_path / "out.xml")
    powers = np.exp(MEANS / 32)
    np.testing.assert_allclose(answer(written, 2), [powers / powers.sum()] * 2, atol=1e-5)


def test_later_versions_mean_one_axis(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", 13, "N11C", "Softmax", 1)
    np.testing.assert_array_equal(answer(path, 1), [[1.0, 1.0, 1.0]])


@pytest.mark.parametrize("opset", [7, 11, 300])
def test_a_model_says_which_version_of_the_operations_it_uses(tmp_path: Path, opset: int) -> None:
    nodes = [Node("Own", ["image"], "scores", domain="com.example")]
    path = tiny_onnx.save(tmp_path / "m.onnx", nodes, {}, shape=[1], classes=[1], opset=opset)
    assert onnx.opset(path) == opset


@pytest.mark.parametrize("content", [b"", b"\x42", b"\x42\x02\x08\x01", b"\x42\x80", b"no model"])
def test_what_is_no_model_uses_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert onnx.opset(path) is None
    assert onnx.opset(tmp_path / "absent.onnx") is None
