"""Models that resize in their own graph get images as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.export import export
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny
from tests.support.tiny_onnx import Node, save

ONE = Threads(nthreads=1, nstreams="1", nireq=8)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
GUESS = "the model resizes images by itself"


def resizing(
    path: Path,
    *,
    channels_last: bool = False,
    mean: np.ndarray | None = None,
    std: np.ndarray | None = None,
    size: int = 6,
    by_factor: bool = False,
    open_size: bool = True,
) -> Path:
    """A graph that resizes to 6 x 6 pixels, and gives the means of the top half by channel."""
    nodes, now = [], "image"
    constants: dict[str, Any] = {
        "none": np.zeros(0, np.float32),
        "sizes": np.array([1, 3, size, size], np.int64),
        "factors": np.array([1, 1, 0.5, 0.5], np.float32),
        "weights": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        "start": np.array([0], np.int64),
        "end": np.array([size // 2], np.int64),
        "axis": np.array([2], np.int64),
    }
    if channels_last:
        nodes.append(Node("Transpose", [now], "planes", {"perm": [0, 3, 1, 2]}))
        now = "planes"
    how = ["none", "factors"] if by_factor else ["none", "none", "sizes"]
    nodes.append(Node("Resize", [now, *how], "resized", {"mode": "nearest"}))
    now = "resized"
    if mean is not None and std is not None:
        constants |= {"mean": mean.reshape(1, 3, 1, 1), "std": std.reshape(1, 3, 1, 1)}
        nodes += [Node("Sub", [now, "mean"], "shifted"), Node("Div", ["shifted", "std"], "normal")]
        now = "normal"
    nodes += [
        Node("Conv", [now, "weights"], "features", {"kernel_shape": [1, 1]}),
        Node("Slice", ["features", "start", "end", "axis"], "half"),
        Node("ReduceMean", ["half"], "scores", {"axes": [2, 3], "keepdims": 0}),
    ]
    edges: list[int | str] = ["h", "w"] if open_size else [20, 30]
    shape = ["n", *edges, 3] if channels_last else ["n", 3, *edges]
    return save(path, nodes, constants, shape=shape, classes=["n", 3])


def opened(model: Path, **options: Any) -> Classifier:
    return Classifier.open(Job(model=str(model), cache=False, **options), ONE)


def picture(height: int, width: int) -> np.ndarray:
    """Red above, green below, in BGR."""
    found = np.zeros((height, width, 3), np.uint8)
    found[: height // 2, :, 2] = 200
    found[height // 2 :, :, 1] = 100
    return found


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        (MEAN * 255, STD * 255, "RGB, 0 to 255"),
        (MEAN, STD, "RGB, 0 to 1"),
        (MEAN[::-1] * 255, STD[::-1] * 255, "BGR, 0 to 255"),
        (np.array([103.9, 116.8, 123.7]), np.ones(3), "BGR, 0 to 255"),
        (np.full(3, 127.5), np.full(3, 127.5), "RGB, 0 to 255"),
        (np.full(3, 0.5), np.full(3, 0.5), "RGB, 0 to 1"),
    ],
)
def test_the_graph_shows_how_it_takes_pixels(
    tmp_path: Path, channels_last: bool, mean: np.ndarray, std: np.ndarray, expected: str
) -> None:
    mean, std = mean.astype(np.float32), std.astype(np.float32)
    model = resizing(tmp_path / "m.onnx", channels_last=channels_last, mean=mean, std=std)
    classifier = opened(model)
    assert classifier.description["preprocess"]["resize_type"] == "embedded"
    (warning,) = classifier.description["warnings"]
    assert GUESS in warning
    assert expected in warning
    pixels = np.array([200, 0, 0] if expected.startswith("RGB") else [0, 0, 200], np.float32)
    pixels /= 255 if expected.endswith("1") else 1
    for size in ((10, 7), (300, 20), (1, 1), (6, 6)):
        image = picture(*size) if size[0] > 1 else tiny.flat_colour((0, 0, 200), 1, 1)
        (scores,) = tiny.raw_scores(classifier, [image])
        np.testing.assert_allclose(scores, (pixels - mean) / std, rtol=1e-5, atol=1e-5)
    classifier.close()


def test_images_of_many_sizes_keep_their_answers(tmp_path: Path) -> None:
    """Requests in flight have pictures of different sizes, and each its own answer."""
    model = resizing(tmp_path / "m.onnx")
    classifier = opened(model, nireq=4, batch_size=4, reverse_input_channels=False)
    (ring,) = classifier.rings
    assert (ring.nireq, ring.batch_size) == (4, 1)
    assert any("batch size 4 is 1" in text for text in classifier.description["warnings"])
    found = {}
    for number in range(40):
        if not ring.has_free:
            finished = ring.wait(tiny.WAIT_S)
            assert finished is not None
            found[finished.tags[0]] = finished.scores[0]
        image = tiny.flat_colour((number, 0, 0), 3 + 7 * (number % 5), 90 - 2 * number)
        ring.start([number], [classifier.prepare(image)])
    while (finished := ring.wait(tiny.WAIT_S)) is not None:
        found[finished.tags[0]] = finished.scores[0]
    for number, scores in found.items():
        assert scores.tolist() == [number, 0, 0]
    assert len(found) == 40
    classifier.close()


def test_numbers_that_the_graph_leaves_alone_are_guessed_as_for_any_model(tmp_path: Path) -> None:
    classifier = opened(resizing(tmp_path / "m.onnx"))
    told = classifier.description
    assert told["preprocess"]["resize_type"] == "embedded"
    assert told["preprocess"]["reverse_input_channels"] is True
    np.testing.assert_allclose(told["preprocess"]["mean_values"], MEAN * 255, rtol=1e-4)
    (warning,) = told["warnings"]
    assert "guesses: RGB, ImageNet's mean and std" in warning
    classifier.close()


def test_what_the_user_says_is_no_guess(tmp_path: Path) -> None:
    options = {"reverse_input_channels": False, "mean_values": "[1,2,3]", "scale_values": "2"}
    classifier = opened(resizing(tmp_path / "m.onnx"), **options)
    assert classifier.description["warnings"] == []
    (scores,) = tiny.raw_scores(classifier, [tiny.flat_colour((11, 22, 33), 9, 9)])
    assert scores.tolist() == [5, 10, 15]
    classifier.close()


def test_without_more_requests_than_the_device_works_on(tmp_path: Path) -> None:
    """Each holds a whole picture: 64 of 12 megapixels would be gigabytes."""
    classifier = opened(resizing(tmp_path / "m.onnx"))
    assert classifier.rings[0].nireq < 4
    classifier.close()


def test_a_fixed_input_a_pyramid_and_a_late_resize_are_others(tmp_path: Path) -> None:
    fixed = resizing(tmp_path / "fixed.onnx", open_size=False)
    for model in (fixed, resizing(tmp_path / "pyramid.onnx", by_factor=True)):
        classifier = opened(model)
        assert classifier.description["preprocess"]["resize_type"] != "embedded"
        classifier.close()
    late = [
        Node("Conv", ["image", "weights"], "features", {"kernel_shape": [1, 1]}),
        Node("Resize", ["features", "none", "none", "sizes"], "resized", {"mode": "nearest"}),
        Node("ReduceMean", ["resized"], "scores", {"axes": [2, 3], "keepdims": 0}),
    ]
    constants: dict[str, Any] = {
        "none": np.zeros(0, np.float32),
        "sizes": np.array([1, 3, 4, 4], np.int64),
        "weights": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
    }
    path = save(tmp_path / "late.onnx", late, constants, shape=["n", 3, "h", "w"], classes=["n", 3])
    classifier = opened(path)
    assert classifier.description["preprocess"]["height"] == 224
    classifier.close()


def test_by_hand_it_needs_an_open_input(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(8), tmp_path / "m.xml")
    with pytest.raises(UsageError, match=r"--resize-type embedded: .* 8x8"):
        opened(path, resize_type="embedded")
    path = tiny.save(tiny.colour_model(dynamic=True), tmp_path / "open.xml")
    classifier = opened(path, resize_type="embedded", reverse_input_channels=False)
    (scores,) = tiny.raw_scores(classifier, [tiny.flat_colour((16, 32, 48), 5, 7)])
    assert scores.tolist() == [1, 2, 3]
    classifier.close()
    with pytest.raises(UsageError, match=r"--input-size: .*--resize-type standard"):
        opened(resizing(tmp_path / "r.onnx"), input_size="100")


def test_resizing_first_is_the_users_choice(tmp_path: Path) -> None:
    classifier = opened(resizing(tmp_path / "r.onnx"), input_size="100", resize_type="standard")
    assert classifier.prepare(picture(20, 30)).shape == (100, 100, 3)
    classifier.close()


def test_an_exported_model_says_it_itself(tmp_path: Path) -> None:
    model = resizing(tmp_path / "m.onnx", mean=MEAN, std=STD)
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    job = Job(model=str(model), labels=str(tmp_path / "names.txt"), cache=False)
    written = export(job, tmp_path / "out.xml")
    one, other = opened(model), opened(written)
    assert other.description["labels"]["names"] == ["a", "b", "c"]
    for size in ((9, 4), (40, 41)):
        expected = tiny.raw_scores(one, [picture(*size)])
        np.testing.assert_array_equal(tiny.raw_scores(other, [picture(*size)]), expected)
    one.close()
    other.close()
