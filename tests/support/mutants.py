"""Changes a module in one place and sees whether its package's tests notice: each of them must.

    python -m tests.support.mutants PACKAGE [NUMBER…]

`tests/PACKAGE/mutants.py` lists the mutants: of which module, a text that occurs in it once, and
what takes its place. Exit status 1 where one survives.
"""

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.tree import ROOT

PACKAGES = ("coordinator", "results")
OPTIONS = (
    "-x", "-q", "-m", "not faults", "-p", "no:cacheprovider", "-o", "timeout=40",
    "-o", "faulthandler_timeout=0",
)  # fmt: skip

Mutant = tuple[str, str, str]


def mutants(package: str) -> tuple[Mutant, ...]:
    """Of a package: module, text, and what takes its place."""
    found: tuple[Mutant, ...] = importlib.import_module(f"tests.{package}.mutants").MUTANTS
    return found


def source(package: str, module: str, tree: Path = ROOT) -> Path:
    """The file that a mutant changes."""
    return tree / "batchcls" / package / f"{module}.py"


def noticed(package: str, mutant: Mutant) -> str:
    """The test that fails with this mutant; "" where all pass.

    Only the package's own tests are run, without the `conftest.py` of all.

    Raises:
        RuntimeError: the tests did not run at all.
    """
    module, old, new = mutant
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary)
        shutil.copy(ROOT / "pyproject.toml", tree)
        (tree / "tests").mkdir()
        (tree / "tests/__init__.py").touch()
        for folder in ("batchcls", "tests/support", f"tests/{package}"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / folder, tree / folder, ignore=ignored)
        file = source(package, module, tree)
        file.write_text(file.read_text().replace(old, new))
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", *OPTIONS, f"tests/{package}"],
            cwd=tree, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree)},
        )  # fmt: skip
    if done.returncode == 0:
        return ""
    told = done.stdout + done.stderr
    failed = [line for line in told.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode == 1 and failed:
        return failed[0]
    if "Timeout" in told:
        return "a test that does not end"
    raise RuntimeError(told)


def main() -> None:
    """From the command line to the survivors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("number", type=int, nargs="*", help="of mutants; without any, all")
    options = parser.parse_args()
    table = mutants(options.package)
    chosen = options.number or range(len(table))
    left = []
    for number in chosen:
        module, old, new = table[number]
        by = noticed(options.package, table[number])
        print(f"{number} {module}: {old.strip()!r} -> {new.strip()!r}", flush=True)
        print(f"  {by[:110] or 'SURVIVES'}", flush=True)
        left += [number] * (not by)
    print(f"{len(chosen) - len(left)} of {len(chosen)} noticed; left: {left}")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
