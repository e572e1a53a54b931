"""What we tell people to install is a library by its name and bound, never a `batchcls` of pip's.

Nothing of that name is on the package index: whoever put something there would be installed.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from batchcls.version import HEIF, HUB, OPENCV, PYARROW, QUANTIZE, RAWPY, RAY
from tests.support.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
KINDS = {".cfg", ".ini", ".md", ".py", ".service", ".sh", ".toml", ".txt"}
OURS = re.compile(
    r"""
    \b(?:pip3?|pipx|uv)\b [^\n;&|\#`]* \b(?:install|add|inject)\b
        [^\n;&|\#`]* [ \t'"] batchcls\b
    | \bbatchcls \[ \w
    """,
    re.VERBOSE,
)
JOINED = re.compile(r"""["']\s*\n\s*[rf]?["']""")
"""Between the parts of one literal, written over two lines."""

BOUND = re.compile(
    r"\b(?:(nncf|huggingface_hub)([<>=~!]=?[\w.,<>=!]+)"
    r"|(?:opencv-python|pillow-heif|pyarrow|rawpy|ray)>=[\w.]+)"
)


@cache
def texts() -> dict[str, str]:
    """File → what is in it. Not read at import: that is done by every process that collects."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for pattern in ("*", "batchcls/**/*", "findings/**/*", "jobs/**/*", "tests/**/*")
        for path in ROOT.glob(pattern)
        if path.suffix in KINDS and path != Path(__file__).resolve()
    }


def sends_to_ours(text: str) -> bool:
    """Whether a text has somebody install batchcls from the package index."""
    return bool(OURS.search(text) or OURS.search(JOINED.sub("", text)))


def test_nothing_sends_people_to_a_package_that_is_not_ours() -> None:
    assert [name for name, text in texts().items() if sends_to_ours(text)] == []


def test_bounds_are_those_of_pyproject_wherever_they_stand() -> None:
    known = {*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)}
    found = {match[0]: name for name, text in texts().items() for match in BOUND.finditer(text)}
    assert {bound: name for bound, name in found.items() if bound not in known} == {}


def test_messages_name_what_pyproject_asks_for() -> None:
    named = {"heic": HEIF, "hub": HUB, "parquet": PYARROW, "quantize": QUANTIZE, "raw": RAWPY}
    named["ray"] = RAY
    assert {extra: [bound] for extra, bound in named.items()}.items() <= EXTRAS.items()
    assert OPENCV in PROJECT["dependencies"]


@pytest.mark.parametrize(
    "text",
    [
        "pip install batchcls",
        "pip install 'batchcls[hub]'",
        '    f"{model}: pip install --upgrade "\n    "\'batchcls[hub]\'"',
        "python -m pip install nncf batchcls==0.1",
        "uv tool install batchcls",
        "uv add 'batchcls'",
        "pipx install batchcls",
        "(extra `batchcls[hub]`)",
    ],
)
def test_such_advice_would_be_found(text: str) -> None:
    assert sends_to_ours(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install . && batchcls demo",
        "pip install '.[hub]'\nbatchcls run images",
        "pip install 'nncf>=3.2'",
        "pip install onnx  # beside batchcls's own",
        "git clone https://example.org/batchcls",
    ],
)
def test_other_advice_is_left_alone(text: str) -> None:
    assert not sends_to_ours(text)


def test_a_wrong_bound_would_be_found() -> None:
    found = [match[0] for match in BOUND.finditer("pip install 'nncf>=3.1' or nncf, nncf==3.2")]
    assert found == ["nncf>=3.1", "nncf==3.2"]
