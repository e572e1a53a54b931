"""What all tests share: no process left behind, and real data where there is some."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import batchcls.model.runtime  # noqa: F401 - before any test imports OpenVINO, which phones home
from tests.support.bucket import Bucket, asked_by_us, bucket_server
from tests.support.processes import children, words
from tests.support.real_data import VARIABLE, folder
from tests.support.tree import ROOT

LEAVE_S = 20.0

# How long an example takes says more of the machine than of the code; pytest-timeout watches.
settings.register_profile("batchcls", deadline=None)
settings.load_profile("batchcls")

# Processes that tests start, in whatever directory, run this tree and not an installed batchcls.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
)

# Under `nohup` a run goes on after SIGHUP, and in the background of a script (`&`) after SIGINT,
# as it should. These tests may be started so, too; they say themselves where a signal is ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests neither touch, nor start from, what the user's own runs have compiled."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    before = children(os.getpid())
    yield
    deadline = time.monotonic() + LEAVE_S
    while left := {*children(os.getpid())}.difference(before):
        assert time.monotonic() < deadline, f"processes left behind: {[*map(words, left)]}"
        time.sleep(0.02)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """An empty bucket, which the environment leads to; skipped where moto or obstore is missing."""
    with bucket_server() as found, asked_by_us(found):
        yield found


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photographs and models; tests that use it are marked `real`."""
    path = folder()
    if path is None:
        pytest.skip(f"{VARIABLE} names no folder of real data")
    return path
