"""Owns how ``progress.json`` is written, whole or not at all, and read, without trust."""

from contextlib import suppress
from pathlib import Path

from batchcls.display.snapshot import Snapshot

MOST_BYTES = 16_000_000


def save(snapshot: Snapshot, path: Path) -> bool:
    """Replace a run's progress file; whether that worked.

    A full disk must not end the run through its display, so no `OSError` leaves here. Not synced:
    after a power cut the results file says what is done, not this one. Only who holds the run's
    lock writes here: what a killed run left half-written is written over by the next.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_text(snapshot.to_json() + "\n", encoding="ascii")
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        return False
    return True


def load(path: Path) -> Snapshot | None:
    """The last snapshot that a run saved, None if there is none yet.

    Raises:
        ValueError: the file is no snapshot, or of a newer batchcls.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return Snapshot.from_json(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
