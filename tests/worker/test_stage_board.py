"""A board tells what a worker had in its hands, whatever was written on it."""

import os
import struct
import subprocess
import sys

import pytest

from batchcls.messages import STAGES
from batchcls.worker.stage_board import SLOTS, Board


def test_what_is_entered_is_in_hand_until_cleared(board: Board) -> None:
    first, second = board.take(), board.take()
    board.enter(first, 0, "decode")
    board.enter(second, 41, "infer")
    assert {(h.index, h.stage) for h in board.in_hand()} == {(0, "decode"), (41, "infer")}
    board.clear(first)
    assert [(h.index, h.stage) for h in board.in_hand()] == [(41, "infer")]


def test_the_reader_sees_it_through_its_own_descriptor(board: Board) -> None:
    other = Board(os.dup(board.descriptor))
    board.enter(board.take(), 7, "read")
    board.beat()
    assert [h.index for h in other.in_hand()] == [7]
    assert other.last_beat == board.last_beat > 0
    other.close()


def test_slots_are_used_again_and_run_out_loudly(board: Board) -> None:
    slot = board.take()
    board.clear(slot)
    assert board.take() == slot
    for _ in range(SLOTS - 1):
        board.take()
    with pytest.raises(IndexError):
        board.take()


def test_garbage_from_a_hostile_worker_is_read_as_small_integers(board: Board) -> None:
    size = os.fstat(board.descriptor).st_size
    os.pwrite(board.descriptor, os.urandom(size), 0)
    os.pwrite(board.descriptor, struct.pack("<q", 1 << 60), 8)
    assert all(h.stage in STAGES for h in board.in_hand())
    os.pwrite(board.descriptor, struct.pack("<q", -5), 8)
    assert board.in_hand() == []


def test_a_limit_on_files_that_leaves_no_room_is_told() -> None:
    program = (
        "import resource\n"
        "from batchcls.errors import RefusedError\n"
        "from batchcls.worker.stage_board import Board\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    Board.create()\n"
        "except RefusedError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "limited to 100,000 bytes here (`ulimit -f`)" in done.stdout
    assert done.stderr == ""
