"""On PYTHONPATH, makes every OpenVINO of a Python program compute in f32 on the CPU.

OpenVINO left alone computes float models in bf16 where the processor has it, and has no environment
variable against that (limiting oneDNN by ONEDNN_MAX_CPU_ISA does not change the choice: the layers
then run in bf16 by reference code, five times slower). The peers' scripts are compared as they are.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class _InF32(MetaPathFinder, Loader):
    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != "openvino":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.loader is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        plain = module.Core.__init__

        def init(core: Any, *arguments: Any, **named: Any) -> None:
            plain(core, *arguments, **named)
            core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})

        module.Core.__init__ = init


sys.meta_path.insert(0, _InF32())
