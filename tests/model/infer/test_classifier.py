from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from batchcls.errors import DeviceError, ImageError, LabelsError, ModelError, UsageError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from batchcls.model.infer.ring import Ring
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=2)
RNG = np.random.default_rng(1)


def echo(path: Path, image: Any, **options: Any) -> Any:
    """The tensor that enters an echo model."""
    classifier = Classifier.open(Job(model=str(path), **options), ONE)
    scores = tiny.raw_scores(classifier, [image])[0]
    classifier.close()
    return scores


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_pixels_enter_as_bgr_and_leave_in_the_models_layout(tmp_path: Path, layout: str) -> None:
    path = tiny.save(tiny.echo_model(4, 5, layout), tmp_path / "m.xml")
    image = RNG.integers(0, 256, (4, 5, 3), np.uint8)
    wanted = image.transpose(2, 0, 1) if layout == "NCHW" else image
    np.testing.assert_array_equal(echo(path, image), wanted.reshape(-1))


def test_mean_and_scale_are_in_the_models_channel_order(tmp_path: Path) -> None:
    path = tiny.save(tiny.echo_model(), tmp_path / "m.xml")
    image = tiny.flat_colour((10, 20, 30), 4, 4)
    got = echo(
        path, image, reverse_input_channels=True, mean_values="[1,2,3]", scale_values="2 4 8"
    ).reshape(3, -1)
    np.testing.assert_allclose(got[:, 0], [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8], rtol=1e-6)


def test_signed_input_gets_pixel_minus_128(tmp_path: Path) -> None:
    path = tiny.save(tiny.echo_model(2, 2, "NHWC", "i8"), tmp_path / "m.xml")
    image = np.array([[[0, 127, 128], [129, 255, 1]]] * 2, np.uint8)
    np.testing.assert_array_equal(echo(path, image), image.astype(np.float32).reshape(-1) - 128)


def test_quantised_scores_become_probabilities(tmp_path: Path) -> None:
    path = tiny.save(tiny.quantised_colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), top=3), ONE)
    top = classifier.outcome(tiny.raw_scores(classifier, [tiny.flat_colour((0, 128, 255))])[0])
    exact = np.exp([0, 2, 255 / 64]) / np.exp([0, 2, 255 / 64]).sum()
    assert [p.index for p in top] == [2, 1, 0]
    assert [p.score for p in top] == pytest.approx(sorted(exact, reverse=True), abs=1 / 256)
    assert all((p.score * 256).is_integer() for p in top)
    assert classifier.description["origin"]["activation"] == "the graph ends in Softmax"


@pytest.mark.parametrize("in_graph", [False, True])
def test_softmax_exactly_once(tmp_path: Path, *, in_graph: bool) -> None:
    path = tiny.save(tiny.colour_model(softmax=in_graph), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), top=1), ONE)
    (best,) = classifier.outcome(tiny.raw_scores(classifier, [tiny.flat_colour((16, 32, 0))])[0])
    assert best.index == 1
    assert best.score == pytest.approx(np.exp(2) / (np.exp(0) + np.exp(1) + np.exp(2)), rel=1e-5)


def test_multilabel_answers_every_class_above_its_threshold(tmp_path: Path) -> None:
    info = {"multilabel": "True", "confidence_threshold": "0.6", "labels": "blue green red"}
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", info)
    classifier = Classifier.open(Job(model=str(path)), ONE)
    top = classifier.outcome(tiny.raw_scores(classifier, [tiny.flat_colour((160, 16, 0))])[0])
    assert [p.label for p in top] == ["blue", "green"]
    assert top[1].score == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-5)


def test_a_ring_is_a_ring(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path)), Threads(nstreams="1", nireq=3))
    (ring,) = classifier.rings
    assert ring.poll() is None
    assert ring.wait(0.01) is None
    seen = []
    for number in range(10):
        if not ring.has_free:
            finished = ring.wait(tiny.WAIT_S)
            assert finished is not None
            seen.append((finished.tags[0], float(finished.scores[0, 0])))
        ring.start([number], [classifier.prepare(tiny.flat_colour((number * 16, 0, 0)))])
    assert ring.in_flight == 3
    while ring.in_flight:
        finished = ring.wait(tiny.WAIT_S)
        assert finished is not None
        assert finished.latency_s > 0
        seen.append((finished.tags[0], float(finished.scores[0, 0])))
    assert [number for number, _ in seen] == list(range(10))
    assert [score for _, score in seen] == pytest.approx(list(range(10)), rel=1e-5)
    with pytest.raises(ValueError, match="2 images"):
        ring.start([1, 2], [None, None])  # type: ignore[list-item]  # refused before it is looked at


@pytest.mark.parametrize(("size", "edges"), [("20", (20, 20)), ("12x36", (12, 36))])
@pytest.mark.parametrize("dynamic", [True, False])
def test_the_size_of_the_input_can_be_given(
    tmp_path: Path, size: str, edges: tuple[int, int], dynamic: bool
) -> None:
    path = tiny.save(tiny.colour_model(dynamic=dynamic), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), input_size=size), ONE)
    pre, origin = classifier.description["preprocess"], classifier.description["origin"]
    assert (pre["height"], pre["width"]) == edges
    assert (origin["height"], origin["width"]) == ("the command line",) * 2
    assert not any("input size" in warning for warning in classifier.description["warnings"])
    assert tiny.raw_scores(classifier, [tiny.flat_colour((16, 32, 48))])[0] == pytest.approx(
        [1, 2, 3]
    )


def test_an_open_size_that_nothing_says_is_a_warning(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(dynamic=True), tmp_path / "m.xml")
    said = Classifier.open(Job(model=str(path)), ONE).description["warnings"]
    assert any("224x224" in warning and "--input-size" in warning for warning in said)


def test_a_size_that_the_graph_does_not_take_is_refused(tmp_path: Path) -> None:
    path = tiny.save(tiny.echo_model(4, 4), tmp_path / "m.xml")
    with pytest.raises(ModelError, match="does not take images of 5x5 pixels"):
        Classifier.open(Job(model=str(path), input_size="5"), ONE)


def test_a_share_without_a_crop_is_refused_with_what_has_one(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    with pytest.raises(UsageError, match=r"resized as standard.*shortest_edge"):
        Classifier.open(Job(model=str(path), crop_fraction=0.9), ONE)
    job = Job(model=str(path), crop_fraction=0.5, resize_type="shortest_edge")
    assert Classifier.open(job, ONE).description["preprocess"]["resize_to"] == [16, 16]


def _flattening_model(batch: int, target: list[int]) -> ov.Model:
    """As torch traces `x.view(1, -1)`: the number of images is a constant in the graph."""
    parameter = ops.parameter([batch, 3, 4, 4], ov.Type.f32)
    pooled = ops.reduce_mean(parameter, np.array([2, 3]), keep_dims=True)
    flat = ops.reshape(pooled, np.array(target), special_zero=False)
    scores = ops.matmul(flat, np.eye(3, dtype=np.float32), False, False)
    return ov.Model([scores], [parameter], "flattening")


@pytest.mark.parametrize("batch", [1, -1])
@pytest.mark.parametrize("target", [[1, -1], [1, 3]])
def test_a_graph_that_flattens_one_image_takes_several(
    tmp_path: Path, batch: int, target: list[int]
) -> None:
    path = tiny.save(_flattening_model(batch, target), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path)), Threads(nstreams="1", nireq=1, batch_size=4))
    images = [tiny.flat_colour((n, 10 * n, 100)) for n in (1, 2, 3, 4)]
    scores = tiny.raw_scores(classifier, images)
    np.testing.assert_allclose(scores, [[n, 10 * n, 100] for n in (1, 2, 3, 4)], rtol=1e-5)


def test_a_graph_for_one_image_alone_says_what_works(tmp_path: Path) -> None:
    parameter = ops.parameter([1, 3, 4, 4], ov.Type.f32)
    pooled = ops.reduce_mean(parameter, np.array([2, 3]), keep_dims=False)
    token = np.ones((1, 1), np.float32)
    model = ov.Model([ops.concat([pooled, token], 1)], [parameter], "token")
    path = tiny.save(model, tmp_path / "m.xml")
    with pytest.raises(ModelError, match="use `--batch-size 1`"):
        Classifier.open(Job(model=str(path)), Threads(batch_size=4))


def test_a_short_batch_gives_only_its_own_rows(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path)), Threads(nstreams="1", nireq=1, batch_size=4))
    assert classifier.rings[0].batch_size == 4
    images = [tiny.flat_colour((16 * n, 0, 0)) for n in (1, 2, 3, 4)]
    assert tiny.raw_scores(classifier, images)[:, 0] == pytest.approx([1, 2, 3, 4])
    assert tiny.raw_scores(classifier, images[:2])[:, 0] == pytest.approx([1, 2])


def test_a_refused_request_is_an_answer() -> None:
    class Refusing:
        def wait_for(self, timeout_ms: int) -> bool:
            raise RuntimeError("Exception from plugin.cpp:1\nthe device is gone")

        def start_async(self) -> None:
            pass

        def get_input_tensor(self, index: int) -> Any:
            return ov.Tensor(np.zeros((1, 2, 2, 3), np.uint8))

    class Compiled:
        outputs = ("scores",)

        def input(self, index: int) -> Any:
            return ops.parameter([1, 2, 2, 3], ov.Type.u8).output(0)

        def create_infer_request(self) -> Refusing:
            return Refusing()

    ring = Ring(Compiled(), "CPU", 1)
    ring.start(["a"], [np.zeros((2, 2, 3), np.uint8)])
    finished = ring.wait(1.0)
    assert finished is not None
    assert (finished.tags, finished.error) == (("a",), "the device is gone")
    assert ring.has_free


def test_two_devices_are_two_rings_with_the_same_answers(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    job = Job(model=str(path), device=("vcpu", "CPU"), plugin=(tiny.VCPU,))
    classifier = Classifier.open(job, ONE)
    assert [ring.device for ring in classifier.rings] == ["VCPU", "CPU"]
    image = RNG.integers(0, 256, (50, 40, 3), np.uint8)
    np.testing.assert_array_equal(
        tiny.raw_scores(classifier, [image], 0), tiny.raw_scores(classifier, [image], 1)
    )


def test_hetero_splits_operations_over_two_devices(tmp_path: Path) -> None:
    model = tiny.colour_model()
    model.set_rt_info('{"colours": "VCPU", "mean": "CPU"}', ["batchcls", "affinity"])
    path = tiny.save(model, tmp_path / "m.xml")
    image = RNG.integers(0, 256, (50, 40, 3), np.uint8)
    plain = tiny.raw_scores(Classifier.open(Job(model=str(path)), ONE), [image])
    job = Job(model=str(path), device=("HETERO:CPU,VCPU",), plugin=(tiny.VCPU,), perf_counts=True)
    classifier = Classifier.open(job, ONE)
    (device,) = classifier.description["devices"]
    assert device["operations"]["VCPU"] == 1
    assert device["operations"]["CPU"] >= 1
    assert set(device["execution"]) == {"CPU", "VCPU"}
    np.testing.assert_allclose(tiny.raw_scores(classifier, [image]), plain, rtol=1e-6)
    assert any(row.real_ms >= 0 and row.count == 1 for row in classifier.perf_counts())


def test_layer_counters_add_up(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path), perf_counts=True), ONE)
    for _ in range(3):
        tiny.raw_scores(classifier, [tiny.flat_colour((1, 2, 3))])
    rows = classifier.perf_counts()
    assert rows
    assert all(row.count == 3 and row.device == "CPU" for row in rows)


def test_a_member_the_machine_lacks_is_a_warning(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", {"labels": "b g r"})
    classifier = Classifier.open(Job(model=str(path), device=("HETERO:XPU,CPU",)), ONE)
    assert classifier.description["devices"][0]["used"] == "CPU"
    assert any("XPU" in warning for warning in classifier.description["warnings"])
    with pytest.raises(DeviceError, match="XPU"):
        Classifier.open(Job(model=str(path), device=("HETERO:XPU,CPU",), strict_devices=True), ONE)


def test_model_info_is_read_and_its_origin_told(tmp_path: Path) -> None:
    info = {
        "model_type": "Classification",
        "labels": "blue_sky green red",
        "mean_values": "1 2 3",
        "scale_values": "4 5 6",
        "reverse_input_channels": "YES",
        "resize_type": "fit_to_window_letterbox",
        "interpolation_mode": "CUBIC",
        "pad_value": "114",
    }
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", info)
    classifier = Classifier.open(Job(model=str(path), resize_type="crop"), ONE)
    said, origin = classifier.description["preprocess"], classifier.description["origin"]
    assert said["mean_values"] == [1, 2, 3]
    assert said["reverse_input_channels"] is True
    assert (said["interpolation"], said["pad_value"]) == ("cubic", [114])
    assert (said["resize_type"], origin["resize_type"]) == ("crop", "the command line")
    assert origin["mean_values"] == origin["labels"] == "rt_info model_info"
    assert classifier.description["warnings"] == []
    (best,) = classifier.outcome(np.array([9, 1, 1], np.float32))[:1]
    assert best.label == "blue_sky"


def test_no_metadata_is_a_warned_guess(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    (warning,) = Classifier.open(Job(model=str(path)), ONE).description["warnings"]
    assert "guess" in warning


def test_a_dynamic_model_gets_a_size(tmp_path: Path) -> None:
    path = tiny.save(
        tiny.colour_model(dynamic=True), tmp_path / "m.xml", {"orig_height": 16, "orig_width": 24}
    )
    classifier = Classifier.open(Job(model=str(path)), Threads(nstreams="1", nireq=1, batch_size=2))
    assert classifier.prepare(tiny.flat_colour((1, 2, 3))).shape == (16, 24, 3)
    images = [tiny.flat_colour((32, 0, 0)), tiny.flat_colour((48, 0, 0))]
    assert tiny.raw_scores(classifier, images)[:, 0] == pytest.approx([2, 3])


def test_nan_is_an_image_error(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    classifier = Classifier.open(Job(model=str(path)), ONE)
    with pytest.raises(ImageError) as error:
        classifier.outcome(np.array([1, np.nan, 0], np.float32))
    assert error.value.kind == "bad_output"


def detector() -> ov.Model:
    parameter = ops.parameter([1, 3, 8, 8], ov.Type.f32)
    boxes = ops.reshape(parameter, np.array([1, 24, 8]), special_zero=False)
    return ov.Model([boxes], [parameter], "boxes")


def text_model() -> ov.Model:
    parameter = ops.parameter([1, 128], ov.Type.i64)
    return ov.Model([ops.convert(parameter, "f32")], [parameter], "text")


@pytest.mark.parametrize(
    ("model", "match"),
    [(detector(), "no class scores"), (text_model(), "no image input")],
    ids=["detector", "text"],
)
def test_other_models_are_refused(tmp_path: Path, model: ov.Model, match: str) -> None:
    path = tiny.save(model, tmp_path / "m.xml")
    with pytest.raises(ModelError, match=match):
        Classifier.open(Job(model=str(path)), ONE)


def test_wrong_jobs_name_the_thing(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    (tmp_path / "two.txt").write_text("a\nb\nc\nd\ne\n")
    (tmp_path / "broken.xml").write_text("<net")
    (tmp_path / "broken.bin").write_bytes(b"")
    (tmp_path / "alone.xml").write_text(path.read_text())
    (tmp_path / "empty").mkdir()

    def fails(error: type[Exception], match: str, **options: Any) -> None:
        with pytest.raises(error, match=match):
            Classifier.open(Job(**{"model": str(path), **options}), ONE)

    fails(LabelsError, "5 labels, the model has 3 classes", labels=str(tmp_path / "two.txt"))
    fails(ModelError, r"broken\.xml", model=str(tmp_path / "broken.xml"))
    fails(ModelError, r"alone\.bin are missing", model=str(tmp_path / "alone.xml"))
    fails(ModelError, "holds no model", model=str(tmp_path / "empty"))
    fails(ModelError, "no such model", model=str(tmp_path / "none.onnx"))
    fails(DeviceError, "XPU", device=("XPU",))
    fails(DeviceError, "plugins file", plugins=str(tmp_path / "none.xml"))
    fails(ModelError, "extension", extension=(str(tmp_path / "no.so"),))
    fails(UsageError, "--layout", layout="NCCW")
    fails(UsageError, "--load-config", load_config=str(tmp_path / "none.json"))
    fails(ModelError, "resize type", resize_type="zoom")


def test_hierarchical_models_are_refused_by_name(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml", {"hierarchical": "True"})
    with pytest.raises(ModelError, match="hierarchical"):
        Classifier.open(Job(model=str(path)), ONE)


def test_plugins_file_and_folder(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    library = Path(ov.__file__).parent / "libs" / "libopenvino_intel_cpu_plugin.so"
    xml = tmp_path / "plugins.xml"
    xml.write_text(f'<ie><plugins><plugin name="XCPU" location="{library}"/></plugins></ie>')
    for plugins in (xml, tmp_path):
        job = Job(model=str(path), plugins=str(plugins), device=("XCPU",))
        assert Classifier.open(job, ONE).description["devices"][0]["used"] == "XCPU"
