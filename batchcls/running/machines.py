"""Opens the machines of a cluster."""

import shlex
from pathlib import Path

from batchcls.backends.backend import Backend, OpenBackend
from batchcls.backends.transport import Transport
from batchcls.job.job import Job
from batchcls.results import echoes
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
