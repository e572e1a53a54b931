"""Whether the file of features beside results is theirs: its shape, and which rows are empty."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from batchcls.results.embeddings import HEAD, NAN, NUMBER, head, place
from batchcls.results.manifest import FEATURES, Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage, opened

Wrong = Callable[[int, bool], str]
"""What is wrong with the row of an image, and whether that image failed; "" = nothing."""


def file_of(paths: RunPaths, storage: Storage, manifest: Manifest | None) -> Path | None:
    """Where the features are, or should be; None where the run keeps none."""
    if manifest is None or FEATURES not in manifest.fingerprint:
        return None
    # The results get their final name first: after a kill between the two, there is the part.
    begun = storage.stat(paths.embeddings_part) is not None
    return paths.embeddings_part if begun else paths.embeddings


def misfit(path: Path, storage: Storage, manifest: Manifest) -> str:
    """Why a file cannot be that of the run, in words; "" = it may be.

    Raises:
        OSError: the disk fails.
    """
    _, size = manifest.fingerprint[FEATURES]
    images, found = manifest.count, storage.stat(path)
    if found is None:
        return f"{path} is missing: the features of the images"
    expected = place(images, size)
    if found.size != expected:
        return f"{path} has {found.size:,} bytes, and {images:,} rows of features need {expected:,}"
    with opened(storage, path) as fd:
        if storage.pread(fd, HEAD, 0) != head(images, size):
            return f"{path} does not begin as a file of {images:,} rows of {size:,} numbers"
    return ""


@contextlib.contextmanager
def rows_in(path: Path | None, storage: Storage, manifest: Manifest | None) -> Iterator[Wrong]:
    """The check of single rows, by the first number of each; of no file, nothing is wrong."""
    if path is None or manifest is None:
        yield lambda index, failed: ""
        return
    _, size = manifest.fingerprint[FEATURES]
    with opened(storage, path) as fd:

        def wrong(index: int, failed: bool) -> str:
            empty = storage.pread(fd, NUMBER, place(index, size)) == NAN
            if empty == failed:
                return ""
            return (
                f"{path.name} has features of this image, which failed"
                if failed
                else (f"{path.name} has no features of this image")
            )

        yield wrong
