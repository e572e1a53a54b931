"""What the built-in model's head sees: its IR up to there, at the cost that the model may have."""

from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from jobs.train import builtin_residuals
from jobs.train.builtin_degradations import Image
from jobs.train.builtin_network import MEAN, SCALE

Features = NDArray[np.float32]

EXACT = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


class Eyes:
    """The IR up to its head, and the residuals beside it.

    Args:
        path: of an IR that `train_builtin` or this program wrote.
    """

    def __init__(self, path: Path) -> None:
        self.model = ov.Core().read_model(path)
        _thin(self.model)
        joined = [op for op in self.model.get_ordered_ops() if op.get_type_name() == "Concat"]
        before = next(op for op in joined if list(op.output(0).shape) == [1, 720])
        pixels = self.model.inputs[0].node.output(0)
        self.seen = ops.concat([before.output(0), builtin_residuals.statistics(pixels)], 1)
        whole = ov.Model([ops.result(self.seen)], self.model.get_parameters(), "eyes")
        self._compiled = ov.Core().compile_model(whole, "CPU", EXACT)

    def head(self) -> list[NDArray[np.float32]]:
        """Weights and biases of the two layers that the IR has: (H, 750), (H,), (7, H), (7,)."""
        node = self.model.outputs[0].node.input_value(0).node
        found: list[NDArray[np.float32]] = []
        while len(found) < 4:
            node = node.input_value(0).node  # of the Softmax, then of the ReLU: an Add
            found += [node.input_value(1).node.data.copy().reshape(-1)]
            node = node.input_value(0).node
            found += [node.input_value(1).node.data.copy()]
            node = node.input_value(0).node
        return found[::-1]

    def __call__(self, picture: Image) -> Features:
        """What the head sees of a view (320, 320, 3) BGR, (750,)."""
        found: Features = self._compiled([normalised(picture)])[0][0].copy()
        return found


def normalised(picture: Image) -> NDArray[np.float32]:
    """The input (1, 3, 320, 320) for a view (320, 320, 3) BGR."""
    pixels = (picture[..., ::-1].astype(np.float32) - MEAN) / SCALE
    return np.asarray(pixels.transpose(2, 0, 1)[None], np.float32)


def _thin(model: ov.Model) -> None:
    """Look at fewer pixels: half the seams, their runs not overlapping, and half the residuals.

    Answers stay the same but for a few; a seventh of the time goes. Nothing is left to do in an IR
    that was thinned before.
    """
    for op in model.get_ordered_ops():
        sides = op.get_attributes()
        if op.get_type_name() == "Convolution":
            thinner = {(4, 1): [8, 1], (1, 4): [1, 8], (3, 3): [builtin_residuals.STEP] * 2}
            if found := thinner.get(tuple(sides["strides"])):
                op.set_attribute("strides", found)
        elif op.get_type_name() == "AvgPool" and 15 in sides["kernel"]:
            cell = [8 if side == 15 else side for side in sides["kernel"]]
            op.set_attribute("kernel", cell)
            op.set_attribute("strides", cell)
    model.validate_nodes_and_infer_types()


def save(model: ov.Model, path: Path) -> None:
    """Write both files, aside first: the weights of what was read are still mapped from them."""
    aside = path.with_name("aside.xml")
    ov.save_model(model, aside, compress_to_fp16=False)
    for ending in (".bin", ".xml"):
        aside.with_suffix(ending).replace(path.with_suffix(ending))
