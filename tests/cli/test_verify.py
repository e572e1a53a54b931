"""What `verify` says of a results file, and its exit codes."""

import json
from pathlib import Path

import pytest

from batchcls.cli.main import main


def test_verify_says_right_and_wrong(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(results)]) == 0
    assert "3,000 lines are right" in capsys.readouterr().out
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join([*lines[:7], *lines[8:]]))
    assert main(["verify", str(results), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["good"], found["problems"][0]["line"]) == (False, 8)
