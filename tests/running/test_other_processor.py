"""A run that is resumed on a processor with other vector units."""

import json
import platform
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchcls.model import builtin
from tests.support.program import Program

pytestmark = [
    pytest.mark.runs,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN limits x86 only"),
]

NARROWER = ("env", "ONEDNN_MAX_CPU_ISA=SSE41")
"""As on a processor with nothing wider: photo-quality's scores have other last digits there."""


def test_it_is_refused_or_the_manifest_says_from_where_on(tmp_path: Path) -> None:
    images, output = tmp_path / "images", tmp_path / "r.jsonl"
    images.mkdir()
    chance = np.random.default_rng(0)
    for number in range(1500):
        picture = chance.integers(0, 256, (24, 24, 3), np.uint8)
        assert cv2.imwrite(str(images / f"{number:04}.png"), picture)

    def program(*prefix: str, options: tuple[str, ...] = ()) -> Program:
        return Program(images, builtin.path(), output, *prefix, options=options)

    begun = program(*NARROWER)
    begun.wait_for_work()
    while not begun.paths.part.stat().st_size:
        time.sleep(0.01)
    begun.process.send_signal(signal.SIGINT)
    code, _, err = begun.end()
    assert code == -signal.SIGINT, err
    lines = begun.paths.part.read_bytes().count(b"\n")

    code, _, err = program().end()
    assert code == 2
    assert "this processor rounds differently" in err
    assert "limited to SSE41" in err
    assert "--mixed-processors" in err
    assert begun.paths.part.read_bytes().count(b"\n") == lines, "nothing was written"

    code, _, err = program(options=("--mixed-processors",)).end()
    assert code == 0, err
    assert f"from image {lines} on" in err
    text = begun.paths.manifest.read_text()
    entries = json.loads(text[: text.rindex("}") + 1])["settings"]["echoes"]
    assert [entry["index"] for entry in entries] == [0, lines]
    assert entries[0]["devices"] != entries[1]["devices"]
    assert output.read_bytes().count(b"\n") == 1500
