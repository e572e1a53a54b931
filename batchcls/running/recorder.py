"""Appends a run's lines to its journal; those of further passes (`--number-iter`) end here."""

from batchcls.messages import Record
from batchcls.results.journal import Journal


class JournalLines:
    """Lines of a run on their way to its journal; those of further passes end here.

    Args:
        journal: of the run.
        count: images on the inputs list.
    """

    def __init__(self, journal: Journal, count: int) -> None:
        self._journal = journal
        self._count = count

    def record(self, record: Record) -> None:
        """Append lines."""
        room = self._count - record.first
        if room > 0:
            self._journal.append(record.first, [a.line for a in record.answers[:room]])

    def take_back(self, first: int) -> int:
        """Forget the lines from this image on, those of a first pass; how many these were."""
        before = self._journal.count
        self._journal.take_back(first)
        return before - self._journal.count

    def tick(self, now: float) -> None:
        """Commit what is due."""
        self._journal.tick(now)
