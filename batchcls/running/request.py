"""Says what a job asks of its output, in the words of `plan`."""

from collections.abc import Mapping
from typing import Any

from batchcls.job.job import Job
from batchcls.results.rundir import RunPaths
from batchcls.running import moved
from batchcls.running.plan import Again, Found, Request


def again(job: Job) -> Again:
    """What a job asks for if there are results already."""
    if job.fresh:
        return "fresh"
    if job.extend:
        return "extend"
    if job.follow:
        return "follow"
    return "retry-failed" if job.retry_failed else ""


def asked_early(job: Job, found: Found) -> dict[str, Any] | None:
    """What `fingerprint.asked` makes of a job, where it may be of use before workers load.

    To hash a large model takes a while.
    """
    if job.fast_plan is None and (not found.complete or again(job)):
        return None
    from batchcls.running import fingerprint  # no worker is waiting

    return fingerprint.asked(job)


def request(job: Job, paths: RunPaths, found: Found, asked: Mapping[str, Any] | None) -> Request:
    """What `plan` is told of a job; sources that have only moved are the same sources.

    Args:
        found: see `look`.
        asked: by `fingerprint.asked`, if it is known by now.
    """
    normal = None
    if asked is not None:
        from batchcls.running import fingerprint  # no worker is waiting

        normal = fingerprint.normal(asked)
    places, objection = moved.places(job), ""
    if found.manifest is not None and not job.fresh:
        elsewhere, objection = moved.find(found.manifest, job)
        if elsewhere is not None:
            places = found.manifest.settings["places"]
    return Request(job.output, paths, again(job), places, normal, objection, job.shard)
