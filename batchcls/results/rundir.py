"""Names of the files of a run, from the name of its results file."""

import contextlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from batchcls.errors import RefusedError
from batchcls.job.paths import absolute
from batchcls.results.disk_errors import guard
from batchcls.results.storage import Storage


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Where everything of one run is."""

    results: Path

    @classmethod
    def of(cls, output: str | Path) -> Self:
        """The files of the run with this ``--output``; absolute, whatever becomes of the cwd."""
        return cls(absolute(output))

    @classmethod
    def find(cls, path: str) -> Self:
        """The files of the run meant by its results file, the unfinished one or its directory.

        Raises:
            RefusedError: there is no such run.
        """
        name = path.rstrip("/")
        for ending in (".part", ".job"):
            name = name.removesuffix(ending)
        if not Path(name).name:
            raise RefusedError(f"{path}: no batchcls run found there")
        paths = cls(Path(name))
        if not paths.directory.is_dir():
            raise RefusedError(
                f"{path}: no batchcls run found there ({paths.directory} does not exist)"
            )
        return paths

    def _beside(self, ending: str) -> Path:
        return self.results.with_name(self.results.name + ending)

    @property
    def part(self) -> Path:
        """The results while they are being written."""
        return self._beside(".part")

    @property
    def embeddings(self) -> Path:
        """The features of the images; see `embeddings`."""
        of_results = self.results.suffix == ".jsonl"
        return self.results.with_suffix(".npy") if of_results else self._beside(".npy")

    @property
    def embeddings_part(self) -> Path:
        """The same while it is being written."""
        return self.embeddings.with_name(self.embeddings.name + ".part")

    @property
    def directory(self) -> Path:
        """The job's directory, with everything else."""
        return self._beside(".job")

    @property
    def manifest(self) -> Path:
        """What the job is; see `manifest`."""
        return self.directory / "manifest.json"

    @property
    def inputs(self) -> Path:
        """The frozen inputs list."""
        return self.directory / "inputs"

    @property
    def list_files(self) -> tuple[Path, ...]:
        """The list, and what is beside it where some images are members of containers."""
        return _with_places(self.inputs)

    @property
    def commit(self) -> Path:
        """What of the results is known to be on the disk; see `mark`."""
        return self.directory / "commit"

    @property
    def unchecked(self) -> Path:
        """Which lines no check of the devices has passed; see `unchecked`."""
        return self.directory / "unchecked"

    @property
    def lock(self) -> Path:
        """Who writes; see `lock`."""
        return self.directory / "lock"

    @property
    def next(self) -> Path:
        """Directory of the next generation until it is whole; see `generation`."""
        return self.directory / "next"

    @property
    def next_manifest(self) -> Path:
        """Its manifest."""
        return self.next / self.manifest.name

    @property
    def next_inputs(self) -> Path:
        """Its inputs list."""
        return self.next / self.inputs.name

    @property
    def next_list_files(self) -> tuple[Path, ...]:
        """See `list_files`."""
        return _with_places(self.next_inputs)

    @property
    def progress(self) -> Path:
        """The last snapshot, for ``batchcls watch``."""
        return self.directory / "progress.json"

    @property
    def log(self) -> Path:
        """The run's log."""
        return self.directory / "log"

    @property
    def summary(self) -> Path:
        """What came of the last session."""
        return self.directory / "summary.json"

    @property
    def pace(self) -> Path:
        """How many lines there were when; see `pace`."""
        return self.directory / "pace"

    @property
    def perf_counts(self) -> Path:
        """Per-layer counters, with ``--perf-counts``."""
        return self.directory / "perf_counts.csv"


def _with_places(inputs: Path) -> tuple[Path, ...]:
    from batchcls.sources.containers.places import beside  # workers start without

    return (inputs, *beside(inputs))


def remove_unbegun(paths: RunPaths, storage: Storage) -> None:
    """Remove the job's directory where no run was begun; the caller holds the lock.

    Whatever else is there makes it somebody's, and it stays.
    """
    from batchcls.job.fast_plan import FOLDERS  # hardly a run comes here

    notes = {paths.log.name, paths.progress.name, paths.summary.name, paths.pace.name}
    with contextlib.suppress(OSError):
        there = {*storage.listdir(paths.directory)}
        models = {name for name in there if name.startswith(FOLDERS)}
        if not there - models <= {*notes, paths.lock.name}:
            return
        for name in models:
            import shutil

            shutil.rmtree(paths.directory / name)
        for name in (*notes, paths.lock.name):
            storage.unlink(paths.directory / name)
        storage.rmdir(paths.directory)


def make_directory(paths: RunPaths, storage: Storage) -> None:
    """Make the job's directory, durably; it may be there.

    Raises:
        RefusedError: the place does not exist or may not be written, or results is a directory.
        StoppedError: the disk is full or fails.
    """
    # Beside a run's own directory it took the place of results, as `recovery` says.
    if paths.results.is_dir() and not paths.directory.is_dir():
        raise RefusedError(
            f"{paths.results} is a directory; name a file, for example "
            f"`--output {shlex.quote(str(paths.results / 'results.jsonl'))}`"
        )
    with guard(paths.directory):
        storage.mkdir(paths.directory)
        storage.fsync_dir(paths.results.parent)
