"""The last layer of a model, compiled for the CPU, for features in place of pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.compile import load
from batchcls.model.devices import core as cores
from batchcls.model.graph import features

TRIED = 64
"""Rows that are computed both ways before many at once are trusted."""


class HeadAlone:
    """Scores of rows of features: for each the bits that it gets alone.

    Args:
        job: names the model and the precision.
        size: numbers in a row.
        most: rows at once.

    Raises:
        ModelError: the model has no such layer.
    """

    def __init__(self, job: Job, threads: Threads, size: int, most: int) -> None:
        core = cores.open_core(job)
        cores.configure(core, cores.properties(job, threads, ["CPU"]))
        loaded = load.load(job, core)
        found = features.find(loaded.model, loaded.scores)
        if found.size != size:
            raise ModelError(f"rows have {size:,} features, and the model takes {found.size:,}")
        self._size, self._most, self._tried = size, most, False
        self._one, self._many = (self._compiled(core, loaded, count) for count in (1, most))

    def _compiled(self, core: Any, loaded: load.Loaded, count: int) -> Any:
        head = features.head(loaded.model, loaded.scores)
        head.reshape([count, self._size])
        return core.compile_model(head, "CPU").create_infer_request()

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, classes) of up to `most` rows, (rows, size)."""
        if self._many is None:
            return self._singly(rows)
        padded = np.zeros((self._most, self._size), np.float32)
        padded[: len(rows)] = rows
        found = self._infer(self._many, padded)[: len(rows)]
        # Rows of failed images are NaN, which shows nothing.
        some = () if self._tried else np.flatnonzero(np.isfinite(rows[:, 0]))[:TRIED]
        if len(some):
            self._tried = True
            if not np.array_equal(found[some], self._singly(rows[some])):
                self._many = None
                return self._singly(rows)
        return found

    def _singly(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([self._infer(self._one, row[None]) for row in rows])

    def _infer(self, request: Any, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        request.infer([rows])
        return np.array(request.get_output_tensor(0).data, np.float32)
