"""Threads that wait for servers: many, so that each is to take little of memory and addresses."""

import ctypes
import resource
import threading
from collections.abc import Callable
from functools import cache

ARENA_MAX = -8  # of malloc.h
STACK = 1 << 20
"""Bytes of a thread's stack: where addresses are bounded, the usual 8 MiB are too many."""


def start_small(run: Callable[[], None], name: str) -> None:
    """Start a thread, for whose end no process waits.

    Raises:
        RuntimeError: the system allows no more of them.
    """
    _bound_arenas()
    before = threading.stack_size(STACK)
    try:
        threading.Thread(target=run, name=name, daemon=True).start()
    finally:
        threading.stack_size(before)


@cache
def _bound_arenas() -> None:
    """Where addresses are bounded, keep glibc from taking 64 MiB of them for each new thread."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(ARENA_MAX, 2)
