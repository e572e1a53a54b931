"""Which of a model's classes count, and which are written whatever their rank.

Where scores are shares of one whole (a softmax), those of the classes that count are shares of
theirs. Scores of classes that do not exclude each other stay as they are: each says yes or no by
itself. So do scores of which nothing says that they are shares.
"""

import hashlib
import json
import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import LabelsError
from batchcls.job.choices import option
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.model.compile.model_metadata import ModelMetadata

Floats = NDArray[np.float32]


class Selection:
    """The classes of a job.

    Args:
        classes: indices of those that count, ascending; None = all.
        always: of those that are written whatever their rank, ascending, all among the former.
        shares: scores are shares of one whole.
    """

    def __init__(
        self, classes: tuple[int, ...] | None, always: tuple[int, ...], *, shares: bool
    ) -> None:
        self._classes = None if classes is None else np.array(classes)
        self._shares = shares
        self.always = always
        self._places = np.array(always if classes is None else [*map(classes.index, always)], int)
        named = {"classes": classes, "always": always or None}
        self._named = {key: value for key, value in named.items() if value is not None}

    @classmethod
    def of(cls, job: Job, known: ModelMetadata) -> Self:
        """What a job's files say.

        Raises:
            LabelsError: they cannot be read, name no class of the model, or contradict each other.
        """
        found: dict[str, tuple[int, ...] | None] = {"classes": None, "always": None}
        for field in found:
            if (path := getattr(job, field)) is not None:
                from batchcls.model.metadata import class_lists  # rare

                found[field] = class_lists.read(expanded(path), option(field), known.labels)
        classes, always = found["classes"], found["always"] or ()
        if classes is not None and (out := {*always}.difference(classes)):
            raise LabelsError(
                f"--always {job.always} names {known.labels[min(out)]!r}, which `--classes` leaves "
                "out; name it in both files, or in neither"
            )
        return cls(classes, always, shares=known.threshold is None and known.activation.shares)

    def of_chosen(self, scores: Floats) -> Floats:
        """Of (classes,) those that count, as they are."""
        return scores if self._classes is None else scores.take(self._classes)

    def probabilities(self, whole: Floats) -> Floats:
        """The same as shares of their sum, where the scores are shares.

        Where all of them are 0, so they stay: none of these is likelier than another.
        """
        values = self.of_chosen(whole)
        if self._classes is None or not self._shares:
            return values
        total = math.fsum(values.tolist())  # exact, in whatever order a processor would add them
        return (values.astype(np.float64) / total).astype(np.float32) if total > 0 else values

    def classes(self, places: list[int]) -> list[int]:
        """Indices of the model's classes from places among those that count."""
        if self._classes is None:
            return places
        found: list[int] = self._classes.take(places).tolist()
        return found

    def of_always(self, values: Floats) -> list[float]:
        """Of `probabilities` those of the classes that are always written."""
        found: list[float] = values.take(self._places).tolist()
        return found

    @property
    def described(self) -> dict[str, list[int]]:
        """What was chosen, as JSON data; what was not is left out."""
        return {key: list(value) for key, value in self._named.items()}

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The same in short, for people to compare."""
        return {
            key: f"{len(value)}, SHA-256 {hashlib.sha256(json.dumps(value).encode()).hexdigest()}"
            for key, value in self._named.items()
        }
