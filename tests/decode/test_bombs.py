"""Bombs and giants are refused before a decoder sees them, fast, in little memory."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support import bombs, heif_bombs, jp2_bombs
from tests.support.tree import ROOT

REFUSED = {**bombs.REFUSED, **heif_bombs.REFUSED, **jp2_bombs.REFUSED}
BUILDERS = {**REFUSED, **bombs.HARMLESS}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each costs a process whose decoders are loaded."""
    folder = tmp_path_factory.mktemp("bombs")
    spill = folder / "spill"
    spill.mkdir()
    paths = {name: folder / f"{number}.bin" for number, name in enumerate(BUILDERS)}
    for name, path in paths.items():
        path.write_bytes(BUILDERS[name]())
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.bombs", *map(str, paths.values())],
        check=True,
        capture_output=True,
        env={**os.environ, "TMPDIR": str(spill)},
        cwd=ROOT,
    )
    assert not list(spill.iterdir()), "a decoder left something in the temporary folder"
    found = json.loads(done.stdout)
    return {name: found[str(path)] for name, path in paths.items()}


@pytest.mark.runs
@pytest.mark.parametrize("name", REFUSED)
def test_bomb_is_refused_undecoded(name: str, costs: dict[str, dict[str, Any]]) -> None:
    cost = costs[name]
    assert cost["outcome"] in {"too_large", "corrupt", "truncated", "not_image"}
    assert cost["mb"] < 64
    assert cost["ms"] < 50


@pytest.mark.runs
@pytest.mark.parametrize("name", bombs.HARMLESS)
def test_charge_beside_a_small_picture_does_not_go_off(
    name: str, costs: dict[str, dict[str, Any]]
) -> None:
    cost = costs[name]
    assert cost["outcome"].endswith("x3")
    assert cost["mb"] < 64
    assert cost["ms"] < 50


def test_there_are_enough_kinds() -> None:
    assert len(bombs.REFUSED) >= 24
    for form in ("avif", "heic", "jp2"):
        assert sum(name.startswith(form) for name in REFUSED) >= 20


def test_limits_come_before_the_decoder() -> None:
    program = """
import os, sys
from batchcls.decode import limits
from batchcls.decode.policy import DecodePolicy
limits.apply(DecodePolicy(max_pixels=100))
assert "cv2" not in sys.modules
import cv2, numpy as np
data = cv2.imencode(".png", np.zeros((11, 10, 3), np.uint8))[1]
try:
    cv2.imdecode(data, cv2.IMREAD_COLOR)
except cv2.error:
    print("refused")
try:
    limits.apply()
except RuntimeError:
    print("too late")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["refused", "too", "late"]


def test_policy_and_headers_cost_no_import_of_a_decoder() -> None:
    program = """
import sys
from batchcls.decode.policy import DecodePolicy
from batchcls.decode.sniff import sniff
assert not {"cv2", "numpy", "openvino"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
