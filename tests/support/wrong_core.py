"""OpenVINO's core, but for what a device answers: wrong in the ways that devices have been wrong.

The device is the CPU plugin under another name, VCPU; `WRONG` in the environment says how it is
wrong. To be imported before anything else of batchcls's model side.
"""

import os
import signal
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.model import runtime

FROM_THE_BEGINNING = ("channels", "noise", "zeros", "constant", "nan", "random")
"""Others: ``after N``, right for the first N inferences of a process.

`CRASH` = N kills a process after so many inferences. With `WRONG_MARK` only the process that makes
this file is wrong, and crashes. With `MEET` = N a process answers nothing until so many do.
"""

MEET_S = 30.0

answered = 0


@cache
def mine() -> bool:
    """Whether this is a process that is wrong."""
    mark = os.environ.get("WRONG_MARK")
    if mark is None:
        return True
    meet(Path(mark).parent, int(os.environ.get("MEET", "0")))
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def meet(folder: Path, count: int) -> None:
    """Wait until so many processes are here."""
    (folder / f"{os.getpid()}.here").touch()
    until = time.monotonic() + MEET_S
    while len(list(folder.glob("*.here"))) < count and time.monotonic() < until:
        time.sleep(0.005)


class Data:
    """An output tensor, as it is read."""

    def __init__(self, data: NDArray[Any]) -> None:
        self.data = data


class Request:
    """An infer request whose answers are wrong."""

    def __init__(
        self, real: Any, compiled: Any, chance: np.random.Generator, order: NDArray[Any]
    ) -> None:
        self._real = real
        self._compiled = compiled
        self._chance = chance
        self._order = order
        self._asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_compiled_model(self) -> Any:
        return self._compiled

    def start_async(self) -> None:
        self._asked += 1
        if os.environ["WRONG"] == "channels":
            pixels = self._real.get_input_tensor(0).data
            axis = 3 if pixels.shape[3] == 3 else 1
            pixels[...] = np.flip(pixels, axis).copy()
        self._real.start_async()

    def get_output_tensor(self, index: int) -> Data:
        global answered
        answered += 1
        if not mine():
            return Data(self._real.get_output_tensor(index).data)
        if answered > int(os.environ.get("CRASH", sys.maxsize)):
            os.kill(os.getpid(), signal.SIGKILL)
        scores = np.array(self._real.get_output_tensor(index).data, np.float32)
        match os.environ["WRONG"]:
            case late if late.startswith("after "):
                if answered > int(late.split()[1]):
                    scores = np.roll(scores, 1, axis=-1)
            case "noise":
                scores = self._chance.random(scores.shape, np.float32)
            case "zeros":
                scores[...] = 0.0
            case "constant":
                scores[...] = np.arange(scores.shape[-1])
            case "nan" if self._asked % 5 == 0:
                scores[...] = np.nan
            case "random":
                scores = scores[..., self._order]
        return Data(scores)


class Compiled:
    """A compiled model of the wrong device."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._chance = np.random.default_rng()
        classes = real.output(0).partial_shape[-1].get_length()
        # Not the order that is right, whatever else comes of it.
        self._order = np.roll(np.arange(classes), 1 + int(self._chance.integers(classes - 1)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_infer_request(self) -> Request:
        real = self._real.create_infer_request()
        return Request(real, self, self._chance, self._order)


class Core(runtime.Core):  # type: ignore[misc]  # openvino has no types
    """The real core, whose VCPU is wrong."""

    def compile_model(self, model: Any, device: str, *rest: Any) -> Any:
        real = super().compile_model(model, device, *rest)
        return Compiled(real) if "VCPU" in device else real

    def import_model(self, blob: Any, device: str, *rest: Any) -> Any:
        real = super().import_model(blob, device, *rest)
        return Compiled(real) if "VCPU" in device else real


runtime.Core = Core  # stands where the real one does
