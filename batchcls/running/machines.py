"""Writes into a run's manifest that another machine goes on with it."""

from dataclasses import replace

from batchcls.results import echoes
from batchcls.results import manifest as manifests
from batchcls.results.echoes import Echo
from batchcls.results.manifest import Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage


def note(storage: Storage, paths: RunPaths, manifest: Manifest, now: Echo) -> tuple[str, ...]:
    """Note a machine with another echo than the last one's, before its first line is written.

    Args:
        storage: the file system.
        paths: of the run.
        manifest: of the generation that goes on.
        now: the machine's echo, and the first image it labels.

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
