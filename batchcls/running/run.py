"""The story of a run: list, load, coordinate, record, show.

Read top to bottom: `run` locks the output, sees what is there, and starts workers; `session` goes
on from there. Nothing is imported here that workers need not be started for: each millisecond
before that is one before the first line.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from batchcls.backends.backend import OpenBackend
from batchcls.backends.local import LocalBackend
from batchcls.backends.localised import localised
from batchcls.display.progress.progress import Progress
from batchcls.errors import BatchclsError, RefusedError
from batchcls.job.job import Job
from batchcls.model.files.find import model_path
from batchcls.results.lock import Lock
from batchcls.results.manifest import FEATURES
from batchcls.results.rundir import RunPaths, make_directory, remove_unbegun
from batchcls.results.storage import PosixStorage, Storage
from batchcls.running.log import logging_to
from batchcls.running.look import look, places_before
from batchcls.running.plan import Finished, GoOn, NewGeneration, Refused, goes_on_from, plan
from batchcls.running.presenter import Presenter
from batchcls.running.request import asked_early, request
from batchcls.running.signals import StopRequests, stop_requests
from batchcls.running.team import Team

if TYPE_CHECKING:
    from batchcls.running.device_check import Ask
    from batchcls.running.result import RunResult
    from batchcls.running.session import Session


def run(
    job: Job,
    open_backend: OpenBackend = LocalBackend,
    begun: Callable[[], None] = lambda: None,
    storage: Storage | None = None,
    ask: "Ask | None" = None,
) -> "RunResult":
    """Label every image of a job.

    Args:
        job: what to label, with what, and where the results go.
        open_backend: starts what the workers run in.
        begun: called when nothing can be wrong with the job any more and images are labelled.
        storage: the file system; None is this machine's.
        ask: begins the check of devices; None asks a process on this machine.

    Returns:
        What came of it, once every image has its line.

    Raises:
        BatchclsError: the job is wrong (exit code 2), stopped early (4) or interrupted (128 + n);
            in the last two cases running the same job resumes it.
    """
    job.check()
    if job.follow:
        from batchcls.sources.arrivals import require_directories  # few runs need it

        require_directories(job)
    storage = storage or PosixStorage()
    if job.on_end is None and job.report is None:
        return _run(job, open_backend, begun, storage, ask)
    from batchcls.running.afterwards import told  # most runs tell nobody

    plain = replace(job, on_end=None, report=None)  # no other machine need know
    return told(job, lambda begins: _run(plain, open_backend, begun, storage, ask, begins))


def _run(
    job: Job,
    open_backend: OpenBackend,
    begun: Callable[[], None],
    storage: Storage,
    ask: "Ask | None",
    begins: Callable[[Presenter], None] = lambda _: None,
) -> "RunResult":
    paths = RunPaths.of(job.output)
    job = localised(job, lambda: () if job.fresh else places_before(paths, storage))
    model_path(job.model)  # a missing model is said before a directory is made
    make_directory(paths, storage)
    with Lock.take(paths, storage) as lock, stop_requests() as requests:
        try:
            found = look(paths, storage, fresh=job.fresh)
            asked = asked_early(job, found)
            decided = plan(found, request(job, paths, found, asked))
            match decided:
                case Refused(error):
                    raise error
                case Finished(manifest, failed):
                    from batchcls.running.result import already_complete  # no worker is waiting

                    if FEATURES in manifest.fingerprint:
                        from batchcls.results import embeddings

                        embeddings.settle(paths, storage)
                    return already_complete(paths, manifest, failed, job)
                case GoOn() | NewGeneration():
                    team, presenter = _staff(job, paths, requests, decided, storage, asked)
                    begins(presenter)
                    if job.cluster:
                        from batchcls.running.machines import opener  # runs here need none of it

                        open_backend = opener(job, decided)
                    if lock.warning:
                        presenter.progress.warn(lock.warning)
                    try:
                        with logging_to(paths.log, job.log_level), contextlib.closing(team):
                            team.start(open_backend, presenter, paths.log)
                            # The workers load: what else there is to do costs no time.
                            kind = _kind_of_session(job)
                            session = kind(job, paths, storage, team, presenter, requests)
                            return session.run(decided, asked, begun, ask)
                    except (RefusedError, OSError):
                        lock.require_in_place()
                        raise
        except BatchclsError as error:
            if error.exit_code == 2:  # refused, and nothing of it is of use
                remove_unbegun(paths, storage)
            raise


def _staff(
    job: Job,
    paths: RunPaths,
    requests: StopRequests,
    decided: GoOn | NewGeneration,
    storage: Storage,
    asked: Mapping[str, Any] | None,
) -> tuple[Team, Presenter]:
    """Who will label, and who shows it."""
    team = Team(job, requests)
    if (kept := goes_on_from(decided)) is not None:
        team.guess = kept.settings.get("guess")
    if job.fast:
        from batchcls.running import fast_trial

        team.fast = fast_trial.known(job, paths, kept, storage, asked)
    progress = _progress_of(job)(
        started=time.monotonic(),
        started_at=time.time(),
        model=model_path(job.model).name if job.model else "built-in photo-quality model",
        devices=job.device,
        sources=job.sources,
        results=job.output,
        pid=os.getpid(),
        host=socket.gethostname(),
        workers=team.workers,
    )
    return team, Presenter(job, paths, progress)


def _kind_of_session(job: Job) -> "type[Session]":
    if job.follow:
        from batchcls.running.following import FollowingSession

        return FollowingSession
    from batchcls.running.session import Session

    return Session


def _progress_of(job: Job) -> type[Progress]:
    if not job.cluster:
        return Progress
    # A run on one machine, which this keeps from its first worker, has no use for it.
    from batchcls.display.progress.cluster_progress import ClusterProgress

    return ClusterProgress
