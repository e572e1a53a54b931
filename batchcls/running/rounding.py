"""Writes into a run's manifest which machines, and which workers, round otherwise than before."""

from collections.abc import Callable
from dataclasses import replace

from batchcls.results import echoes
from batchcls.results import manifest as manifests
from batchcls.results.echoes import Echo
from batchcls.results.manifest import Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage


def note(storage: Storage, paths: RunPaths, manifest: Manifest, now: Echo) -> tuple[str, ...]:
    """Note another echo than the last one's, before its first line is written.

    Args:
        storage: the file system.
        paths: of the run.
        manifest: of the generation that goes on.
        now: the echo, and the first image that may be labelled so.

    Returns:
        What people should know.

    Raises:
        StoppedError: the disk is full or fails.
    """
    known = echoes.recorded(manifest.settings)
    entries = echoes.joined(manifest.settings, now)
    if len(entries) == len(known) or now.index == manifest.lines.stop:
        return ()
    settings = {**manifest.settings, echoes.KEY: entries}
    manifests.save(storage, paths.manifest, replace(manifest, settings=settings))
    return (echoes.seam(known[-1], now) if known else echoes.UNKNOWN,)


def note_worker(
    storage: Storage, paths: RunPaths, now: Echo, index: int, warn: Callable[[str], None]
) -> None:
    """Note a worker of this session that rounds otherwise than its first one.

    Args:
        storage: the file system.
        paths: of the run.
        now: the worker's echo.
        index: the first image that may be labelled so.
        warn: tells people.
    """
    manifest = manifests.load(storage, paths.manifest)
    for told in (
        () if manifest is None else note(storage, paths, manifest, replace(now, index=index))
    ):
        warn(told)


class Rounding:
    """Compares the echoes of a session's workers.

    Args:
        mixed: they may differ.
    """

    def __init__(self, *, mixed: bool) -> None:
        self._mixed = mixed
        self._others: list[Echo] = []
        self._note: Callable[[Echo], None] = lambda echo: None

    def note_to(self, note: Callable[[Echo], None]) -> None:
        """Call this once with each echo that is not the first worker's; with past ones, too."""
        self._note = note
        for echo in self._others:
            note(echo)

    def hear(self, first: Echo, now: Echo) -> str:
        """A worker started later than the first one: why it may not label, and what to do."""
        if not (devices := echoes.others(first, now)):
            return ""
        if not self._mixed:
            return (
                f"a worker that started later was given other answers by {' and '.join(devices)} "
                "to the same four pictures than the first one, so its lines would not be the same "
                "either; check the device and its driver or accept it with `--mixed-processors`"
            )
        if all(echoes.others(known, now) for known in self._others):
            self._others.append(now)
            self._note(now)
        return ""
