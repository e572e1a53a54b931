"""Runs batchcls and notes when each answer reached its coordinator, which its lines do not say.

    python noting.py FILE ARGUMENTS…

The file gets a JSON list of (monotonic seconds, worker, answers) when it ends.
"""

import json
import sys
import time
from pathlib import Path

from batchcls.backends.local import LocalBackend
from batchcls.cli.main import main
from batchcls.messages import Answered, Event


def note(into: list[tuple[float, int, int]]) -> None:
    """From now on, every message with answers leaves its time in here."""
    events = LocalBackend.events

    def noted(self: LocalBackend, timeout_s: float) -> list[Event]:
        heard, now = events(self, timeout_s), time.monotonic()
        into.extend((now, e.worker, len(e.answers)) for e in heard if isinstance(e, Answered))
        return heard

    LocalBackend.events = noted  # type: ignore[method-assign]  # to count, not to change


if __name__ == "__main__":
    told = Path(sys.argv.pop(1))
    seen: list[tuple[float, int, int]] = []
    note(seen)
    sys.argv[0] = "batchcls"
    try:
        status = main()
    finally:
        told.write_text(json.dumps(seen), encoding="ascii")
    sys.exit(status)
