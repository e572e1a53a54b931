"""Runs a module of this very batchcls: ``python -P launch.py MODULE ARGUMENT…``.

Not ``python -m MODULE`` with this batchcls in PYTHONPATH: what stands there comes before the
standard library. Where batchcls is installed that would be all of site-packages, and a module there
that is called like one of the library's (the backports pathlib, dataclasses, enum34) would replace
it. Here the order of the path stays as Python makes it.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_FILE = Path(__file__).resolve()
_PARENT = str(_FILE.parents[2])


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module in a fresh interpreter.

    Never does it import from the current directory, which may be a directory of images.
    """
    return [sys.executable, "-P", str(_FILE), module, *arguments]


def _find_ourselves() -> None:
    """Import batchcls from where this file is, and what lies beside it if it is nowhere else."""
    spec = PathFinder.find_spec("batchcls", [_PARENT])
    if spec is None or spec.loader is None:
        raise ImportError(f"no batchcls in {_PARENT}")
    package = sys.modules["batchcls"] = module_from_spec(spec)
    spec.loader.exec_module(package)
    if _PARENT not in sys.path:
        sys.path.append(_PARENT)


if __name__ == "__main__":
    import runpy

    _find_ourselves()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
