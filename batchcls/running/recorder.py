"""Appends a run's lines to its journal; those of further passes (`--number-iter`) end here."""

from collections.abc import Callable

from batchcls.messages import Record
from batchcls.results.journal import Journal


class JournalLines:
    """Lines of a run on their way to its journal; those of further passes end here.

    Args:
        stop: index behind the last line of the results; may be raised.
        blank: called with the index of each image that failed, before its line is written.
    """

    def __init__(
        self, journal: Journal, stop: int, blank: Callable[[int], None] | None = None
    ) -> None:
        self._journal = journal
        self._blank = blank
        self.stop = stop

    @property
    def next(self) -> int:
        """Index of the next line."""
        return self._journal.next

    def record(self, record: Record) -> None:
        """Append lines."""
        room = self.stop - record.first
        if room > 0:
            if self._blank is not None:
                for answer in record.answers[:room]:
                    if answer.failed:
                        self._blank(answer.index)
            self._journal.append(record.first, [a.line for a in record.answers[:room]])

    def take_back(self, first: int) -> int:
        """Forget the lines from this image on, those of a first pass; how many these were."""
        back = max(0, self._journal.next - first)
        before = self._journal.count
        self._journal.take_back(before - back)
        return before - self._journal.count

    def tick(self, now: float) -> None:
        """Commit what is due."""
        self._journal.tick(now)
