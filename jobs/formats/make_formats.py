"""Writes tests/model/files/FRAMEWORK.zip: tiny classifiers as a framework saves them, with answers.

    pip install tensorflow-cpu && python -m jobs.formats.make_formats tensorflow
    pip install paddlepaddle   && python -m jobs.formats.make_formats paddle
    pip install onnx           && python -m jobs.formats.make_formats onnx

Written with TensorFlow 2.21 (Keras 3.15), Paddle 3.3.1 and ONNX 1.23.2. The default tests read the
archives without any of these. Needs NumPy, and nothing of batchcls.
"""

import io
import json
import os
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TARGET = Path(__file__).parents[2] / "tests" / "model" / "files"
FLAG = "FLAGS_enable_pir_api"
"""Paddle's: 1, its default, saves the newer form."""
EPOCH = (1980, 1, 1, 0, 0, 0)
RANDOM = np.random.default_rng(7)
KERNEL = RANDOM.normal(0, 0.4, (3, 3, 3, 4)).astype(np.float32)
"""Height, width, input channel, output channel."""
BIAS = RANDOM.normal(0, 0.2, 4).astype(np.float32)
DENSE = RANDOM.normal(0, 3, (4, 5)).astype(np.float32)
OFFSET = RANDOM.normal(0, 0.2, 5).astype(np.float32)
SMALL = RANDOM.integers(0, 256, (16, 16, 3), np.uint8)
"""A picture, RGB, as large as the models' inputs."""
WIDE = RANDOM.integers(0, 256, (23, 37, 3), np.uint8)
"""No multiple of anything."""
LABELS = ("ash", "birch", "cedar", "dogwood", "elm")
LARGE = np.kron(SMALL[:7, :7], np.ones((32, 32, 1), np.uint8))
"""224 x 224, the size that models get which leave it open."""


@dataclass(frozen=True)
class Case:
    """One saved model.

    Attributes:
        model: the argument, below the archive's root.
        picture: "small", "large" or "wide".
        scores: the framework's, as probabilities; of a model that ends in nothing, its input.
        files: what its hash must cover, below the archive's root.
        options: of the job, beside the model.
        within: how far another's arithmetic may be off.
        labels: that it has in itself.
    """

    model: str
    picture: str
    scores: Array
    files: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    within: float = 1e-5
    labels: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For cases.json."""
        scores = [float(f"{score:.9g}") for score in np.ravel(self.scores)]
        return {
            "model": self.model, "picture": self.picture, "scores": scores,
            "files": list(self.files), "options": dict(self.options), "within": self.within,
            "labels": list(self.labels),
        }  # fmt: skip


def tensorflow(folder: Path) -> list[Case]:
    """SavedModels, by Keras and by hand, a frozen graph and a TensorFlow 1 checkpoint."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    import tensorflow as tf

    layers = tf.keras.layers
    keras = tf.keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    keras.layers[1].set_weights([KERNEL, BIAS])
    keras.layers[3].set_weights([DENSE, OFFSET])
    keras.export(folder / "keras", verbose=False)
    small, large = (picture[None].astype(np.float32) for picture in (SMALL, LARGE))

    class Network(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel, self.dense = tf.Variable(KERNEL), tf.Variable(DENSE)

        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[
                tf.TensorSpec([None, None, None, 3], tf.float32, name="image"),
                tf.TensorSpec([], tf.bool, name="training"),
            ]
        )
        def __call__(self, image: Any, training: Any) -> dict[str, Any]:
            image = tf.cond(training, lambda: image * 0.5, lambda: image) / 255.0
            hidden = tf.nn.relu(tf.nn.conv2d(image, self.kernel, 2, "VALID") + BIAS)
            logits = tf.reduce_mean(hidden, [1, 2]) @ self.dense + OFFSET
            return {"logits": logits, "hidden": hidden}

    network = Network()
    tf.saved_model.save(network, str(folder / "module"), signatures=network.__call__)
    module = softmax(network(large, False)["logits"].numpy())
    frozen = _tensorflow_1(tf, folder, small)

    def saved(name: str) -> tuple[str, ...]:
        variables = [
            f"{name}/variables/variables.{end}" for end in ("data-00000-of-00001", "index")
        ]
        return f"{name}/saved_model.pb", *variables

    checkpoint = tuple(f"checkpoint/m.{end}" for end in ("data-00000-of-00001", "index", "meta"))
    return [
        Case("keras", "small", keras(small).numpy(), saved("keras")),
        Case("keras/saved_model.pb", "small", keras(small).numpy(), saved("keras")),
        Case("module", "large", module, saved("module")),
        Case("frozen", "small", frozen, ("frozen/graph.pb",)),
        Case("frozen/graph.pb", "small", frozen, ("frozen/graph.pb",)),
        Case("checkpoint", "small", frozen, checkpoint),
        Case("checkpoint/m.meta", "small", frozen, checkpoint),
        *_pixels(tf, folder),
        *_tflite(tf, folder, keras),
    ]


def _tensorflow_1(tf: Any, folder: Path, small: Array) -> Array:
    """A graph as TensorFlow 1 wrote it, as a checkpoint and frozen; its answer."""
    v1 = tf.compat.v1
    for name in ("checkpoint", "frozen"):
        (folder / name).mkdir()
    with tf.Graph().as_default() as graph, v1.Session() as session:
        image = v1.placeholder(tf.float32, [None, 16, 16, 3], name="input")
        kernel = v1.get_variable("kernel", initializer=KERNEL)
        dense = v1.get_variable("dense", initializer=DENSE)
        hidden = tf.nn.relu(tf.nn.conv2d(image / 255.0, kernel, 2, "VALID") + BIAS)
        logits = tf.reduce_mean(hidden, [1, 2]) @ dense + OFFSET
        scores = tf.nn.softmax(logits, name="scores")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "checkpoint/m"))
        (folder / "checkpoint/checkpoint").unlink()
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["scores"]
        )
        (folder / "frozen/graph.pb").write_bytes(frozen.SerializeToString())
        found: Array = session.run(scores, {image: small})
    return found


def _pixels(tf: Any, folder: Path) -> list[Case]:
    """Models that answer with their input, and TensorFlow's own ways to make it of a picture."""
    v1 = tf.compat.v1
    (folder / "pixels").mkdir()
    with tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, [None, 16, 16, 3], name="input")
        tf.reshape(image, [-1, 16 * 16 * 3], name="pixels")
    (folder / "pixels/graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    wide = WIDE.astype(np.float32)
    stretched = tf.image.resize(wide, (16, 16)).numpy()
    # TF-Slim's Inception preprocessing for evaluation.
    slim = tf.image.resize(tf.image.central_crop(wide, 0.875), (16, 16)).numpy() / 127.5 - 1
    file, plain = "pixels/graph.pb", {"activation": "none"}
    return [
        Case(file, "wide", stretched, (file,), plain, within=1.0),
        Case(file, "wide", slim, (file,), {**plain, "preprocess": "tf"}, within=1 / 127.5),
    ]


def _tflite(tf: Any, folder: Path, keras: Any) -> list[Case]:
    """A float model whose metadata name its numbers and labels, and a quantised one."""
    (folder / "tflite").mkdir()
    image = tf.keras.layers.Input((16, 16, 3), batch_size=1)
    bare = tf.keras.Model(image, keras.layers[3](keras.layers[2](keras.layers[1](image))))
    converter = tf.lite.TFLiteConverter.from_keras_model(bare)
    plain = converter.convert()
    file = folder / "tflite/metadata.tflite"
    file.write_bytes(_with_metadata(plain, mean=100.0, std=50.0))
    pixels = SMALL[None].astype(np.float32)
    named = _interpreted(tf, file, (pixels - 100) / 50)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    examples = [pixels / 255, *(RANDOM.random((9, 1, 16, 16, 3)).astype(np.float32))]
    converter.representative_dataset = lambda: [[example] for example in examples]
    quantised = folder / "tflite/quantised.tflite"
    quantised.write_bytes(converter.convert())
    integers = _interpreted(tf, quantised, SMALL[None]) / 256.0
    names = ("tflite/metadata.tflite", "tflite/quantised.tflite")
    return [
        Case(names[0], "small", named, names[:1], labels=LABELS),
        Case(names[1], "small", integers, names[1:], within=2 / 256),
    ]


def _interpreted(tf: Any, file: Path, tensor: Array) -> Array:
    """TFLite's answer."""
    interpreter = tf.lite.Interpreter(str(file))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    found: Array = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return found


def _with_metadata(model: bytes, mean: float, std: float) -> bytes:
    """A TFLite file with metadata (metadata_schema.fbs) and its label file, as they are written."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    build = flatbuffers.Builder(0)

    def table(*fields: tuple[int, str, Any]) -> int:
        build.StartObject(8)
        for slot, kind, value in fields:
            if kind == "offset":
                build.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                build.PrependUint8Slot(slot, value, 0)
        found: int = build.EndObject()
        return found

    def vector(*offsets: int) -> int:
        build.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            build.PrependUOffsetTRelative(offset)
        found: int = build.EndVector()
        return found

    def floats(value: float) -> int:
        build.StartVector(4, 1, 4)
        build.PrependFloat32(value)
        found: int = build.EndVector()
        return found

    numbers = table((0, "offset", floats(mean)), (1, "offset", floats(std)))
    normalisation = table((0, "byte", 1), (1, "offset", numbers))
    colours = table((0, "byte", 1))
    content = table((0, "byte", 2), (1, "offset", colours))
    units = vector(normalisation)
    image = table((3, "offset", content), (4, "offset", units))
    name = build.CreateString("labels.txt")
    associated = vector(table((0, "offset", name), (2, "byte", 2)))
    output = table((6, "offset", associated))
    images, outputs = vector(image), vector(output)
    subgraphs = vector(table((2, "offset", images), (3, "offset", outputs)))
    build.Finish(table((3, "offset", subgraphs)), b"M001")

    whole = schema.ModelT.InitFromPackedBuf(model, 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(bytes(build.Output()), np.uint8)
    entry.name, entry.buffer = b"TFLITE_METADATA", len(whole.buffers)
    whole.buffers.append(buffer)
    whole.metadata = [*(whole.metadata or []), entry]
    packed = flatbuffers.Builder(0)
    packed.Finish(whole.Pack(packed), b"TFL3")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        info = zipfile.ZipInfo("labels.txt", EPOCH)
        file.writestr(info, "\n".join(LABELS) + "\n")
    return bytes(packed.Output()) + archive.getvalue()


def paddle(folder: Path) -> list[Case]:
    """Paddle's programs: the form that OpenVINO reads, and the newer one that it does not."""
    newer = os.environ.get(FLAG) == "1"
    os.environ.setdefault(FLAG, "0")
    import paddle as framework

    nn: Any = framework.nn

    class Network(nn.Layer):  # type: ignore[misc]
        def __init__(self, *, ends: bool) -> None:
            super().__init__()
            self.ends = ends
            self.convolution, self.dense = nn.Conv2D(3, 4, 3, stride=2), nn.Linear(4, 5)
            self.convolution.weight.set_value(np.ascontiguousarray(KERNEL.transpose(3, 2, 0, 1)))
            self.convolution.bias.set_value(BIAS)
            self.dense.weight.set_value(DENSE)
            self.dense.bias.set_value(OFFSET)

        def forward(self, image: Any) -> Any:
            hidden = nn.functional.relu(self.convolution(image / 255.0)).mean([2, 3])
            return nn.functional.softmax(self.dense(hidden)) if self.ends else self.dense(hidden)

    cases = []
    for name, picture, size in (("static", SMALL, 16), ("dynamic", LARGE, -1)):
        network = Network(ends=name == "static")
        network.eval()
        place = folder / ("newer" if newer else name)
        wanted = framework.static.InputSpec([-1, 3, size, size], "float32", "image")
        framework.jit.save(network, str(place / "inference"), input_spec=[wanted])
        (place / "inference.pdiparams.info").unlink(missing_ok=True)
        if newer:
            return []
        # Nothing says which order a Paddle model wants: it gets BGR, and a warning.
        scores = network(framework.to_tensor(bgr_planes(picture))).numpy()
        files = tuple(f"{name}/inference.{end}" for end in ("pdiparams", "pdmodel"))
        cases += [
            Case(model, "small" if size == 16 else "large", softmax(scores, network.ends), files)
            for model in (name, *files)
        ]
    newest = os.environ | {FLAG: "1"}
    os.spawnve(os.P_WAIT, sys.executable, [sys.executable, __file__, "paddle", str(folder)], newest)
    return cases


def onnx(folder: Path) -> list[Case]:
    """ONNX with its tensors outside: in one file, named as optimum does it, and in many."""
    import onnx as framework
    from onnx.reference import ReferenceEvaluator

    make, kinds = framework.helper, framework.TensorProto
    tensors = {
        "kernel": KERNEL.transpose(3, 2, 0, 1), "bias": BIAS, "dense": DENSE, "offset": OFFSET,
    }  # fmt: skip
    nodes = [
        make.make_node("Div", ["image", "largest"], ["pixels"]),
        make.make_node("Conv", ["pixels", "kernel", "bias"], ["convolved"], strides=[2, 2]),
        make.make_node("Relu", ["convolved"], ["hidden"]),
        make.make_node("GlobalAveragePool", ["hidden"], ["mean"]),
        make.make_node("Flatten", ["mean"], ["flat"]),
        make.make_node("Gemm", ["flat", "dense", "offset"], ["logits"]),
    ]
    value = make.make_tensor_value_info
    graph = make.make_graph(
        nodes, "tiny",
        [value("image", kinds.FLOAT, ["batch", 3, 16, 16])],
        [value("logits", kinds.FLOAT, ["batch", 5])],
        [
            framework.numpy_helper.from_array(np.ascontiguousarray(values), name)
            for name, values in {"largest": np.float32(255) * np.ones(1, "f"), **tensors}.items()
        ],
    )  # fmt: skip
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    scores = softmax(ReferenceEvaluator(model).run(None, {"image": bgr_planes(SMALL)})[0])
    cases = []
    for name, location in (("one", "model.onnx_data"), ("many", None)):
        (folder / name).mkdir()
        copy = framework.load_from_string(model.SerializeToString())  # saving changes it
        framework.save_model(
            copy, str(folder / name / "model.onnx"), save_as_external_data=True,
            all_tensors_to_one_file=location is not None, location=location, size_threshold=0,
        )  # fmt: skip
        files = tuple(f"{name}/{path.name}" for path in sorted((folder / name).iterdir()))
        cases.append(Case(name, "small", scores, files))
    return cases


def bgr_planes(picture: Array) -> Array:
    """(1, 3, height, width) float32, BGR, of an RGB picture."""
    return np.ascontiguousarray(picture[None, :, :, ::-1].transpose(0, 3, 1, 2)).astype(np.float32)


def softmax(scores: Array, done: bool = False) -> Array:
    """Probabilities of raw scores."""
    if done:
        return scores
    powers = np.exp(scores.astype(np.float64) - scores.max())
    found: Array = powers / powers.sum()
    return found


def png(picture: Array) -> bytes:
    """A picture as a file."""
    height, width, _ = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def main(framework: str) -> None:
    """Write one framework's archive."""
    frameworks: dict[str, Callable[[Path], list[Case]]]
    frameworks = {"tensorflow": tensorflow, "paddle": paddle, "onnx": onnx}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [case.as_dict() for case in frameworks[framework](folder)]
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
    pictures = {"small": SMALL, "large": LARGE, "wide": WIDE}
    files |= {f"{name}.png": png(pictures[name]) for name in {case["picture"] for case in cases}}
    files["cases.json"] = json.dumps(cases, indent=1).encode()
    target = TARGET / f"{framework}.zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(files):
            info = zipfile.ZipInfo(file, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[file])
    target.write_bytes(packed.getvalue())
    print(f"{len(cases)} cases, {target.stat().st_size / 1000:.1f} kB: {target}")


if __name__ == "__main__":
    if len(sys.argv) == 3:  # Paddle's newer form: its flags are read once per process
        paddle(Path(sys.argv[2]))
    else:
        main(sys.argv[1])
