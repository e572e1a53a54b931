"""What the kernel tells of processes: whose children they are, and how long they computed."""

import os
import subprocess
import sys
import threading
import time

from batchcls.backends.machine import child_processes, own_seconds, process_start, thread_seconds


def test_a_child_is_known_while_it_lives() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert child.pid in child_processes()
        began = process_start(child.pid)
        assert began is not None
        assert abs(began - time.time()) < 30
    finally:
        child.communicate()
    assert child.pid not in child_processes()
    assert thread_seconds(child.pid) == {}
    assert process_start(child.pid) is None


def test_processor_time_is_counted_by_thread() -> None:
    def compute(seconds: float) -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    before = own_seconds()
    compute(0.2)
    held = threading.Event()

    def compute_and_stay() -> None:
        compute(0.1)
        held.wait()

    other = threading.Thread(target=compute_and_stay)
    other.start()
    try:
        deadline = time.monotonic() + 20
        while (found := thread_seconds(os.getpid()))[other.native_id or 0] < 0.1:
            assert time.monotonic() < deadline
        assert found[os.getpid()] >= 0.2
        assert own_seconds() - before > 0.25
    finally:
        held.set()
        other.join()
