"""Owns ``progress.json``: written whole or not at all, read without trust."""

from contextlib import suppress
from pathlib import Path

from batchcls.display.snapshot import Snapshot

NAME = "progress.json"
MOST_BYTES = 16_000_000


def save(snapshot: Snapshot, directory: Path) -> bool:
    """Replace the progress file of a job directory; whether that worked.

    A full disk must not end the run through its display, so no `OSError` leaves here. Not synced:
    after a power cut the results file says what is done, not this one. Only who holds the
    directory's lock writes here: what a killed run left half-written is written over by the next.
    """
    written = directory / f"{NAME}.tmp"
    try:
        written.write_text(snapshot.to_json() + "\n", encoding="ascii")
        written.replace(directory / NAME)
    except OSError:
        with suppress(OSError):
            written.unlink()
        return False
    return True


def load(directory: Path) -> Snapshot | None:
    """The last snapshot of a job directory, None if there is none yet.

    Raises:
        ValueError: the file is no snapshot, or of a newer batchcls.
        OSError: it cannot be read.
    """
    try:
        with (directory / NAME).open("rb") as file:
            return Snapshot.from_json(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
