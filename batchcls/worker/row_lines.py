"""The other side of `backends.row_lines`: from kept features to lines, by a model's last layer.

Rules of this file:

1. The layer is computed for many rows at once, and for one at a time where the first rows show
   that this gives other bits: a run computes each image's alone.
2. The line of a failed image is that of the run that kept the features.
"""

import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from batchcls.errors import BatchclsError, ImageError, RefusedError
from batchcls.images import Failure, ImageRef
from batchcls.job.job import Job
from batchcls.worker.sandbox import confine

BLOCK = 1024
OF_THE_MODEL = frozenset({"bad_output", "infer"})
"""Kinds of failures that another last layer may not have."""


def main() -> None:
    """Entry point of the process: a request on standard input, lines on standard output."""
    confine(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "wb", BLOCK * 256)
    os.dup2(2, 1)  # what native libraries print must not come between
    try:
        for line in lines(json.load(sys.stdin)):
            out.write(line + b"\n")
    except BatchclsError as error:
        said = {"error": type(error).__name__, "message": str(error)}
        out.write(json.dumps(said, separators=(",", ":")).encode() + b"\n")
    out.flush()
    os._exit(0)  # native runtimes tear down slowly


def lines(request: Mapping[str, Any]) -> Iterator[bytes]:
    """The line of each image from "first" on.

    Args:
        request: "job"; "rows", the file of features, of so many "images"; "results" of the run
            that kept them; "list" of this one, its "root" and whether it has "members"; "lines",
            the first image of the results and the one behind their last.

    Raises:
        BatchclsError: files are not what they were, or the model cannot be read.
    """
    import numpy as np

    from batchcls.job.threads import Threads
    from batchcls.model.infer.classifier import Classifier
    from batchcls.model.infer.head_alone import HeadAlone
    from batchcls.model.similar import rows_of
    from batchcls.sources.inputs import InputsReader

    job, first = Job.from_dict(request["job"]), request["first"]
    facts = job.facts
    start, stop = request["lines"]
    rows = rows_of(Path(request["rows"]))
    if len(rows) != request["images"]:
        raise RefusedError(f"{request['rows']} has {len(rows):,} rows; restore it")
    threads = Threads(nthreads=1, nstreams="1")
    head = HeadAlone(job, threads, rows.shape[1], BLOCK)
    classifier = Classifier.open(replace(job, device=("CPU",)), threads)
    images = InputsReader(Path(request["list"]), request["root"], members=request["members"])
    images.seek(first)
    with Path(request["results"]).open("rb") as before:
        for _ in islice(before, first - start):
            pass
        for begin in range(first, stop, BLOCK):
            block = np.array(rows[begin : min(begin + BLOCK, stop)], np.float32)  # no memmap: slow
            found = zip(
                images.chunk(len(block)), block[:, 0].tolist(), head.scores(block), strict=True
            )
            for image, number, scores in found:
                yield _line(classifier, facts, image, scores, _before(before, image, number))


def _before(results: IO[bytes], image: ImageRef, number: float) -> bytes | None:
    """The line that a failed image has; None of an image that has features."""
    from batchcls.results import record

    line = results.readline(record.MAX_LINE + 1).removesuffix(b"\n")
    ours = line.startswith(record.head(image) + b",")
    kind = record.failed_kind(line) if ours else None
    if not ours or (kind is not None) != (number != number):
        raise RefusedError(
            f"features and results of the other run do not belong together at image {image.index:,}"
            f" ({image.path}); restore them, or run without `--embeddings`"
        )
    if kind in OF_THE_MODEL:
        raise RefusedError(
            f"image {image.index:,} ({image.path}) failed in the other model ({kind}), so what "
            "this one makes of it is not known; run without `--embeddings`"
        )
    return None if kind is None else line


def _line(
    classifier: Any, asked: Collection[str], image: ImageRef, scores: Any, failed: bytes | None
) -> bytes:
    from batchcls.results import record

    if failed is not None:
        return failed
    try:
        predictions, always = classifier.outcome(scores), classifier.always(scores)
        facts = classifier.uncertainty(scores, asked) if asked else {}
    except ImageError as error:
        return record.failure_line(image, Failure(error.kind, error.message))
    return record.ok_line(image, predictions, facts, always)


if __name__ == "__main__":
    main()
