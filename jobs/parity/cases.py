"""What is compared: a model with its family's metadata, and the reference on the same files.

A model of a case is an identity: its scores are the tensor that enters it, in (height, width,
channel) order. So batchcls's whole path (decode, metadata, resize, graph) is seen from outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Tensor = NDArray[np.float32]
Reference = Callable[[Image.Image], Tensor]
"""An upright RGB picture → the tensor that the reference gives its model, (height, width, 3)."""


@dataclass(frozen=True)
class Case:
    """One way to say what an image goes through, and who says what that means.

    Attributes:
        family: row of the report.
        name: within the family.
        write: puts a model and its metadata into an empty folder; returns the model argument.
        reference: opens the reference on that folder.
        options: of the job, beside the model.
        step: one 8-bit step in the tensor's unit; None = found by asking the reference.
        judged: it counts for the limit; otherwise only reported.
    """

    family: str
    name: str
    write: Callable[[Path], Path]
    reference: Callable[[Path], Reference]
    options: Mapping[str, Any] = field(default_factory=dict)
    step: float | None = None
    judged: bool = True

    @property
    def key(self) -> str:
        """Family and name."""
        return f"{self.family}: {self.name}"


def step_of(case: Case, reference: Reference) -> NDArray[np.float64]:
    """One 8-bit step per channel, in the tensor's unit and channel order."""
    if case.step is not None:
        return np.full(3, case.step)
    tensors = [reference(Image.new("RGB", (64, 64), (v, v, v))) for v in (0, 255)]
    black, white = (t[t.shape[0] // 2, t.shape[1] // 2].astype(np.float64) for t in tensors)
    step: NDArray[np.float64] = np.abs(white - black) / 255
    return step
