"""Makes the answer to an image: its record, from the model's scores or from what went wrong."""

import traceback
from collections.abc import Collection
from typing import NamedTuple

from batchcls.errors import ImageError
from batchcls.images import Failure, FailureKind
from batchcls.messages import Answer
from batchcls.results import record
from batchcls.worker.interfaces import Array, Classifier
from batchcls.worker.prefetch import InWork
from batchcls.worker.stage_board import Board

_NO_MEMORY = ("Failed to allocate", "bad_alloc", "Unable to allocate")
"""In errors of OpenVINO, C++ and NumPy."""


class Done(NamedTuple):
    """One image's answer, with the lease it belongs to."""

    lease: int
    answer: Answer


class Answers:
    """The answers that wait to be reported.

    Args:
        classifier: makes classes of scores.
        board: shows the images in work; an answered one is not any more.
        facts: what records hold besides classes (`batchcls.job.choices.FACTS`).
        close: see `Rings.close`.

    Attributes:
        done: the answers; whoever takes them leaves an empty list. No method does, since it would
            be called for every image.
    """

    def __init__(
        self, classifier: Classifier, board: Board, facts: Collection[str], close: float
    ) -> None:
        self._classifier = classifier
        self._board = board
        self._facts = tuple(facts)
        self._close = close
        self.done: list[Done] = []

    def add(self, work: InWork, scores: Array) -> InWork | None:
        """Answer an image.

        Args:
            scores: its own, of every class.

        Returns:
            What to do instead: the image once more, decoded in full, where it was decoded smaller
            and its answer is close.
        """
        try:
            if work.reduced and self._is_close(scores):
                return self._in_full(work)
            predictions = self._classifier.outcome(scores)
            always = self._classifier.always(scores)
            if self._facts:
                work.facts |= self._classifier.uncertainty(scores, self._facts)
                if "look" in self._facts:
                    work.facts.setdefault("look", "final")
        except ImageError as error:
            self.fail(work, error.kind, error.message)
            return None
        except Exception as error:  # noqa: BLE001 - one image's trouble must not be the others'
            traceback.print_exc()
            self.fail(work, "infer", f"its scores: {type(error).__name__}: {error}")
            return None
        line = record.ok_line(work.image, predictions, work.facts, always)
        label = predictions[0].label if predictions else None
        self._finish(work, Answer(work.image.index, line, None, label))
        return None

    def fail(self, work: InWork, kind: FailureKind, message: str) -> None:
        """Answer an image with why it has no classes."""
        self._finish(work, record.failure_answer(work.image, Failure(kind, message)))

    def refuse(self, work: InWork, error: str) -> InWork | None:
        """Answer an image with why the device refused it; what to do instead, as `add`."""
        if work.reduced:
            return self._in_full(work)
        if any(words in error for words in _NO_MEMORY):
            self.fail(work, "out_of_memory", "not enough memory to infer it")
        else:
            self.fail(work, "infer", error)
        return None

    def _is_close(self, scores: Array) -> bool:
        try:
            return self._classifier.lead(scores) < self._close
        except ImageError:  # no numbers
            return True

    def _in_full(self, work: InWork) -> InWork:
        self._board.clear(work.slot)
        return InWork(work.lease, work.image, whole=True, data=work.data, alone=work.alone)

    def _finish(self, work: InWork, answer: Answer) -> None:
        work.tensor = None
        self._board.clear(work.slot)
        self.done.append(Done(work.lease, answer))
