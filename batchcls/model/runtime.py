"""OpenVINO as the whole of batchcls imports it: without its converter, and without its telemetry.

Rules of this file:

1. Nothing else imports `openvino` (import-linter sees to that), so nothing can come before this.
2. It is not done in `batchcls/model/__init__.py`: `batchcls.run` reads `model.files` in a process
   that may be a user's own program, whose OpenVINO is not ours to change.
"""

import sys

from batchcls.model.devices.cpu import flags, require_avx2


def _version() -> str:
    from importlib.metadata import version

    return version("openvino")


require_avx2(flags(), _version)

# `import openvino` imports the model converter, which tells an analytics server that it was
# imported and keeps an identity in ~/intel; NNCF tells it of each use. Both go on where the sender
# cannot be imported (None says that it cannot), and OpenVINO goes on without the converter too:
# 65 ms less of every start, and batchcls converts nothing.
for _module in ("openvino_telemetry", "openvino.tools.ovc"):
    sys.modules.setdefault(_module, None)  # type: ignore[arg-type]

import openvino  # noqa: E402 - only now
from openvino import CompiledModel, Core, Model, Tensor, Type, opset13, opset14  # noqa: E402 - only now
from openvino._offline_transformations import apply_moc_transformations  # noqa: E402 - only now
from openvino.preprocess import PrePostProcessor  # noqa: E402 - only now

__all__ = [
    "CompiledModel",
    "Core",
    "Model",
    "PrePostProcessor",
    "Tensor",
    "Type",
    "apply_moc_transformations",
    "openvino",
    "opset13",
    "opset14",
]
