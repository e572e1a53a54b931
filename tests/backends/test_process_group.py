"""A group ends with its leader, and whoever has its number later is left alone."""

import os
import signal
import subprocess
import time
from pathlib import Path

from batchcls.backends import process_group
from tests.support.processes import alive, gone_within


def lead(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sh", "-c", script], start_new_session=True)


def test_what_a_leader_leaves_behind_ends_before_it_is_reaped(tmp_path: Path) -> None:
    left = tmp_path / "left"
    leader = lead(f"sleep 60 & echo $! > {left}; exit 7")
    assert process_group.exits(leader, time.monotonic() + 10)
    assert leader.returncode is None, "it still holds its number"
    process_group.reap(leader, 10)
    assert leader.returncode == 7
    assert gone_within([int(left.read_text())], 10)


def test_a_reaped_leaders_number_is_not_signalled(tmp_path: Path) -> None:
    left = tmp_path / "left"
    leader = lead(f"sleep 60 & echo $! > {left}")
    leader.wait()
    heir = int(left.read_text())  # stands for whoever has the number now
    process_group.send(leader, signal.SIGKILL)
    process_group.reap(leader, 1)
    time.sleep(0.1)
    assert alive(heir)
    os.kill(heir, signal.SIGTERM)
    assert gone_within([heir], 10)


def test_a_leader_that_stays_is_killed() -> None:
    leader = lead("exec sleep 60")
    assert not process_group.exits(leader, time.monotonic() + 0.05)
    process_group.reap(leader, 10)
    assert leader.returncode == -signal.SIGKILL
