"""What the engine's tests share."""

from collections.abc import Iterator

import pytest

from batchcls.worker.stage_board import Board


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board.create()
    yield board
    board.close()
