"""One request to a process of its own, and what comes of it."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from batchcls.backends.question import Question
from batchcls.errors import DeviceError, StoppedError
from tests.support.processes import PATIENCE_S, children, gone_within

pytestmark = pytest.mark.runs
MODULE = "tests.support.asked"


def ask(log: Path, **request: Any) -> dict[str, Any]:
    with log.open("wb") as words:
        question = Question(MODULE, request, words)
        try:
            until = time.monotonic() + PATIENCE_S
            while not question.answered:
                assert time.monotonic() < until
                time.sleep(0.01)
            return question.answer()
        finally:
            question.close()


def test_it_is_answered_whatever_libraries_print(tmp_path: Path) -> None:
    what = "long " * 100_000  # more than a pipe holds
    assert ask(tmp_path / "log", how="answer", what=what) == {"twice": what * 2}
    assert b"a library's own words" in (tmp_path / "log").read_bytes()


def test_a_refusal_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no such device"):
        ask(tmp_path / "log", how="refuse")


def test_a_death_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match=r"tests\.support\.asked ended without an answer"):
        ask(tmp_path / "log", how="die")
    assert b"last words" in (tmp_path / "log").read_bytes()


def test_closing_ends_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as words:
        question = Question(MODULE, {"how": "hang"}, words)
        (process,) = children(os.getpid())
        assert not question.answered
        question.close()
    assert gone_within([process])
