"""Decides when failures tell that the job is wrong, and not the images: a lost mount, a sick model.

Failures that a picture itself cannot cause (gone, no permission, I/O error, NaN) are counted as
long as nothing else comes between. Their lines are held back meanwhile: when the streak grows so
long that the run halts, they are not in the results, and the same command does them again.
"""

from batchcls.messages import Answer

SYSTEMIC = frozenset({"vanished", "denied", "io_error", "bad_output", "infer", "out_of_memory"})


class Streak:
    """Failures in a row.

    Args:
        limit: how many tell that the job is wrong; 0 = never.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._first: int | None = None
        self._last = ""
        self.length = 0

    @property
    def hopeless(self) -> bool:
        """It is long enough to stop."""
        return 0 < self._limit <= self.length

    @property
    def message(self) -> str:
        """Why the run stops."""
        return (
            f"the last {self.length} images all failed ({self._last}), so the storage, the device "
            "or the model is at fault; fix that and run the same command to resume, or use "
            "`--max-failed N` to continue anyway"
        )

    def holds(self, index: int) -> bool:
        """This line waits until the streak is over."""
        return self._first is not None and index >= self._first

    def note(self, answer: Answer) -> None:
        """One more answer."""
        if not self._limit:
            return
        if answer.failed in SYSTEMIC:
            self.length += 1
            self._last = answer.failed or ""
            self._first = answer.index if self._first is None else min(self._first, answer.index)
        else:
            self.end()

    def end(self) -> None:
        """Something else happened, or nothing more can: let go of the lines."""
        self.length, self._first = 0, None
