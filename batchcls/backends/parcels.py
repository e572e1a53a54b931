"""The files that a job names, brought to a machine that does not have them: named by their content.

A parcel is a model with all its files, or one other file. A machine that sees the same bytes under
the same path takes those. Else it asks for what it lacks piece by piece, checks it, and keeps it in
its own cache, where the next agent finds it.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from batchcls.backends.fitness import UnfitError
from batchcls.errors import BatchclsError, ModelError
from batchcls.job.job import Job
from batchcls.job.paths import absolute, expanded
from batchcls.model.files.find import file_hash, model_file, model_files, model_hash
from batchcls.wire.agents import PIECE

FIRST_LOOK = "first_model"
"""Field of a start message with the model of a first look."""
MODELS = ("model", FIRST_LOOK)
ALONE = ("labels", "classes", "always", "load_config")
"""Fields of a job with a file that is whole without any other."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The files of one field of a job.

    Attributes:
        field: of the job.
        path: what the field names, on the driver's machine.
        digest: SHA-256 of all of it, see `content`.
        root: the folder that the files' names lead from, on the driver's machine.
        main: the name of what the field names.
        files: name, size in bytes, SHA-256 of each.
    """

    field: str
    path: str
    digest: str
    root: str
    main: str
    files: tuple[tuple[str, int, str], ...]

    @classmethod
    def of(cls, field: str, path: Path) -> Self:
        """The parcel of a field's file.

        Raises:
            ModelError: it cannot be read.
        """
        path = absolute(model_file(path) if field in MODELS else path)
        parts = [absolute(part) for part in (model_files(path) if field in MODELS else [path])]
        root = os.path.commonpath([path.parent, *(part.parent for part in parts)])
        try:
            files = tuple(
                (os.path.relpath(part, root), part.stat().st_size, file_hash(part).hex())
                for part in parts
            )
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror}") from error
        return cls(field, str(path), content(field, path), root, os.path.relpath(path, root), files)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` made of it, with names that lead nowhere else."""
        files = tuple((str(name), int(size), str(digest)) for name, size, digest in data["files"])
        return cls(**{**data, "files": files})

    def piece(self, file: int, start: int) -> bytes:
        """So much of a file, from there on.

        Raises:
            OSError: it cannot be read.
        """
        name, size, _ = self.files[file]
        with (Path(self.root) / name).open("rb") as opened:
            return os.pread(opened.fileno(), min(PIECE, size - start), start)


def content(field: str, path: Path) -> str:
    """A hash of all that a field's file consists of.

    Raises:
        ModelError: it cannot be read.
    """
    return model_hash(path) if field in MODELS else file_hash(path).hex()


def parcels(job: Job, first_model: str = "") -> list[Parcel]:
    """Those of a job whose model is a local file, or the built-in one, which is everywhere.

    Args:
        first_model: that of a first look, where it is another.

    Raises:
        ModelError: a file cannot be read.
    """
    named = {"model": job.model, FIRST_LOOK: first_model or None}
    named |= {field: getattr(job, field) for field in ALONE}
    return [Parcel.of(field, expanded(path)) for field, path in named.items() if path is not None]


def libraries(job: Job) -> list[tuple[str, str]]:
    """Files that must be there as they are, path and hash: what else they load is not known.

    Raises:
        ModelError: a file cannot be read.
    """
    plugins = [entry.partition("=")[2] for entry in job.plugin]
    named = [*job.extension, *plugins, *([] if job.plugins is None else [job.plugins])]
    found = [absolute(expanded(name)) for name in named]
    return [(str(path), file_hash(path).hex()) for path in found if path.is_file()]


def with_full_paths(job: Job) -> Job:
    """The job as it reads from another current directory."""

    def full(path: str) -> str:
        found = absolute(expanded(path))
        return str(found) if found.exists() else path  # a library that the loader finds

    single = ("model", *ALONE, "plugins")
    named: dict[str, Any] = {
        field: full(path) for field in single if (path := getattr(job, field)) is not None
    }
    plugins = [entry.partition("=") for entry in job.plugin]
    return replace(
        job,
        **named,
        sources=(),
        extension=tuple(map(full, job.extension)),
        plugin=tuple(f"{name}={full(path)}" for name, _, path in plugins),
    )


KEPT_S = 30 * 86400.0
"""Seconds after which what was sent, and was not used since, is removed."""

Lack = tuple[int, int, int]
"""A parcel's number, a file's number in it, the byte from which on it is missing."""


class Delivery:
    """Has the parcels of a job on this machine, or gets them.

    Args:
        wanted: what the job names.
        cache: this machine's folder for what is sent.
    """

    def __init__(self, wanted: Sequence[Parcel], cache: Path) -> None:
        self._wanted = wanted
        self._cache = cache
        _sweep(cache, time.time() - KEPT_S)
        self.paths: dict[str, str] = {}
        self._asked: Iterator[Lack] = self._next()
        self._piece = b""

    def start(self) -> Lack | None:
        """The first piece that is missing; None if all is there.

        Raises:
            BatchclsError: it cannot be written, or is not what was promised.
        """
        try:
            return next(self._asked, None)
        except OSError as error:
            where = error.filename or self._cache
            raise UnfitError(f"cannot write {where}: {error.strerror}") from error

    def take(self, piece: bytes) -> Lack | None:
        """Take the piece that was missing; the next one.

        Raises:
            BatchclsError: as `start`.
        """
        self._piece = piece
        return self.start()

    def _next(self) -> Iterator[Lack]:
        for number, parcel in enumerate(self._wanted):
            kept = self._cache / parcel.digest
            there = (Path(parcel.path), kept / parcel.main)
            found = next((path for path in there if _is(parcel, path)), None)
            if found is None:
                yield from self._fetch(number, parcel, kept)
                found = kept / parcel.main
            self.paths[parcel.field] = str(found)
            with contextlib.suppress(OSError):
                os.utime(kept)  # it is in use

    def _fetch(self, number: int, parcel: Parcel, kept: Path) -> Iterator[Lack]:
        aside = kept.with_name(f"{kept.name}.{os.getpid()}")
        try:
            for index, (name, size, digest) in enumerate(parcel.files):
                path = aside / name
                if not path.resolve().is_relative_to(aside.resolve()):
                    raise UnfitError(f"{name} leads out of its folder")
                path.parent.mkdir(parents=True, exist_ok=True)
                hashed = hashlib.sha256()
                with path.open("wb") as file:
                    while file.tell() < size:
                        yield number, index, file.tell()
                        if not self._piece:
                            break
                        hashed.update(self._piece)
                        file.write(self._piece)
                if hashed.hexdigest() != digest:
                    raise UnfitError(f"{name} changed while it was sent")
            if not _is(parcel, kept / parcel.main):
                shutil.rmtree(kept, ignore_errors=True)  # it was damaged
            with contextlib.suppress(OSError):  # somebody else was first
                aside.rename(kept)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        if not _is(parcel, kept / parcel.main):
            raise UnfitError(f"{parcel.path} is not here as it was sent")


def _sweep(cache: Path, before: float) -> None:
    """Remove what was not used since, leavings of agents that were killed included."""
    with contextlib.suppress(OSError):
        for folder in cache.iterdir():
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)


def _is(parcel: Parcel, path: Path) -> bool:
    """Whether this is the parcel's content; what cannot be read is not."""
    try:
        return path.exists() and content(parcel.field, path) == parcel.digest
    except (BatchclsError, OSError):
        return False
