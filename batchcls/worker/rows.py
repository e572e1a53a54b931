"""Writes the features of images into the file of the run, each in the row of its image."""

import os
from typing import Any

from batchcls.job.job import Job
from batchcls.messages import CANARY
from batchcls.results.disk_errors import guard
from batchcls.results.embeddings import NUMBER, place
from batchcls.results.rundir import RunPaths

Array = Any


class Rows:
    """The rows that one worker writes.

    Args:
        job: names the results that the file is beside.
    """

    def __init__(self, job: Job) -> None:
        self._path = RunPaths.of(job.output).embeddings_part
        self._fd = -1

    def put(self, index: int, features: Array) -> None:
        """Write the row of an image; whoever syncs the file does so for all workers.

        Args:
            features: (size,) float16.

        Raises:
            StoppedError: the disk is full or fails.
            RefusedError: the file is gone.
        """
        if index == CANARY.index:
            return
        data = features.astype("<f2", copy=False).tobytes()
        with guard(self._path):
            if self._fd < 0:  # the coordinator made it after this worker was started
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            at = place(index, len(data) // NUMBER)
            while data:
                written = os.pwrite(self._fd, data, at)
                at, data = at + written, data[written:]
