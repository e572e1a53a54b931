"""The results side runs in the coordinator: it is light, and stays so."""

import subprocess
import sys

from tests.support.tree import ROOT

MODULES = sorted(p.stem for p in (ROOT / "batchcls/results").glob("[a-z]*.py"))


def test_no_heavy_import() -> None:
    code = (
        "import sys\n"
        + "".join(f"import batchcls.results.{name}\n" for name in MODULES)
        + "print(sorted({'numpy', 'cv2', 'openvino', 'rich', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
