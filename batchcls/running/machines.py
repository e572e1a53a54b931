"""The machines of a run: opens a cluster's, and notes in the manifest where another goes on."""

import shlex
from dataclasses import replace
from pathlib import Path

from batchcls.backends.backend import Backend, OpenBackend
from batchcls.backends.transport import Transport
from batchcls.job.job import Job
from batchcls.results import echoes
from batchcls.results import manifest as manifests
from batchcls.results.echoes import Echo
from batchcls.results.manifest import Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running.plan import GoOn, NewGeneration, goes_on_from
from batchcls.wire.start import StartMessage


def opener(job: Job, decided: GoOn | NewGeneration) -> OpenBackend:
    """What opens the backend of a job with a cluster.

    Args:
        decided: whether it goes on with lines that have an echo.
    """
    kept = goes_on_from(decided)
    known = () if kept is None else echoes.recorded(kept.settings)

    def opened(start: StartMessage, log: Path, timeout_s: float) -> Backend:
        # Runs on one machine need none of this.
        from batchcls.backends.cluster import ClusterBackend

        transport = _transport(job.cluster, log)
        return ClusterBackend(start, timeout_s, transport, known[-1] if known else None)

    return opened


def _transport(cluster: tuple[str, ...], log: Path) -> Transport:
    if cluster == ("ray",):
        from batchcls.backends.ray_transport import RayTransport

        return RayTransport(log)
    from batchcls.backends.stream import StreamTransport

    return StreamTransport([shlex.split(launcher) for launcher in cluster], log)


def note(storage: Storage, paths: RunPaths, manifest: Manifest, now: Echo) -> tuple[str, ...]:
    """Note a machine with another echo than the last one's, before its first line is written.

    Args:
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
