"""Two layers whose answers show how a processor computes in int8, by arithmetic and by OpenVINO."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

SIZE, CHANNELS = 8, 64
ONE = Threads(nthreads=1, nstreams="1", nireq=1)


STEP = 255.0 / 4
"""Of the second layer's input: coarse, so that what is rounded elsewhere shows."""
Floats = NDArray[np.float32]


def weights_up_to(largest: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Of the two layers, (out, in) each; the first one's are all `largest`, in pairs of columns."""
    chance = np.random.default_rng(5)
    first = np.full((CHANNELS, 3), largest, np.int8)
    first[1::2] = chance.integers(-largest, largest + 1, first[1::2].shape)
    second = chance.integers(-largest, largest + 1, (3, CHANNELS)).astype(np.int8)
    second[:, :16] = largest
    return first, second


def quantised_net(largest: int) -> ov.Model:
    """Two 1x1 convolutions with int8 weights up to `largest`, their inputs quantised to 8 bits."""
    image = ops.parameter([1, 3, SIZE, SIZE], ov.Type.f32)
    image.output(0).get_tensor().set_names({"image"})
    node: Any = image
    limits = (255.0, 256 * STEP - STEP)
    for kernel, high, scale in zip(weights_up_to(largest), limits, (1 / 3, 1 / 2**20), strict=True):
        edges = [np.array(value, np.float32) for value in (0.0, high, 0.0, high)]
        quantised = ops.fake_quantize(node, *edges, 256)
        ints = ops.convert(ops.constant(kernel.reshape(*kernel.shape, 1, 1)), "f32")
        scaled = ops.multiply(ints, np.full((len(kernel), 1, 1, 1), scale, np.float32))
        node = ops.convolution(quantised, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    pooled = ops.reduce_mean(node, np.array([2, 3]), keep_dims=False)
    pooled.output(0).get_tensor().set_names({"scores"})
    return ov.Model([pooled], [image], "quantised net")


def as_written(image: NDArray[np.uint8], largest: int) -> Floats:
    """The scores of `quantised_net`, by the book, for (H, W, 3) pixels."""
    first, second = weights_up_to(largest)
    values = image.reshape(-1, 3).astype(np.float64) @ first.T / 3
    steps = np.rint(np.clip(values / STEP, 0, 255))
    scores: Floats = (STEP * steps @ second.T / 2**20).mean(axis=0).astype(np.float32)
    return scores


def images() -> list[NDArray[np.uint8]]:
    chance = np.random.default_rng(2)
    bright = np.full((SIZE, SIZE, 3), 255, np.uint8)
    return [bright, *chance.integers(0, 256, (8, SIZE, SIZE, 3), np.uint8)]


def scores(classifier: Classifier) -> list[Floats]:
    (ring,) = classifier.rings
    found = []
    for image in images():
        ring.start([0], [image])
        finished = ring.wait(10)
        assert finished is not None
        found.append(finished.scores[0])
    return found


def opened(folder: Path, largest: int, **options: Any) -> Classifier:
    path = tiny.save(quantised_net(largest), folder / "m.xml")
    return Classifier.open(Job(model=str(path), **options), ONE)


def how(classifier: Classifier) -> str:
    found: str = classifier.description["fingerprint"]["int8"]
    assert classifier.description["int8"] == found
    return found


def digest(classifier: Classifier) -> str:
    return hashlib.sha256(np.stack(scores(classifier)).tobytes()).hexdigest()
