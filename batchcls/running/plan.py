"""Decides what a job makes of what lies under its output's name: nothing, more, or something new.

Pure: what was found, and what is asked for, are plain data. `look` finds out, `resume` carries out.

Rules of this file:

1. Finished results are replaced only by a new generation, and that only where the job asks for one
   or somebody removed them.
2. Results of nobody we know, or of a job over other sources, are never touched.
3. ``--fresh`` resumes what ``--fresh`` began, as every command does that is given again. Where that
   turns out to belong to another job, or to be damaged, it starts over, as everywhere else.
4. Results that are complete are recognised before a worker is started. Whether those that are not
   belong to a job that gives the same answers is known only when a worker has loaded the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from batchcls.errors import BatchclsError, RefusedError, UsageError
from batchcls.results.manifest import Carry, Manifest
from batchcls.results.mark import Mark
from batchcls.results.rundir import RunPaths

Again = Literal["", "fresh", "extend", "retry-failed", "follow"]
Reason = Literal["first", "fresh", "removed", "extend", "retry-failed"]


@dataclass(frozen=True, slots=True)
class Found:
    """What lies under an output's name.

    Attributes:
        manifest: of the latest generation; None if there is none.
        results: the finished file is there.
        part: bytes of the unfinished file; None if there is none.
        mark: of the finished file; None where nothing finished can be there, or no mark is.
        damaged: there is a manifest, but it cannot be read.
    """

    manifest: Manifest | None = None
    results: bool = False
    part: int | None = None
    mark: Mark | None = None
    damaged: bool = False

    @property
    def complete(self) -> bool:
        """Every image has its line, and no later generation was begun."""
        return self.results and self._was_complete

    @property
    def removed(self) -> bool:
        """Somebody removed the finished results: what else could he want than new ones?"""
        return not self.results and self._was_complete

    @property
    def _was_complete(self) -> bool:
        if self.manifest is None or self.mark is None or self.part is not None:
            return False
        return (self.mark.run, self.mark.state) == (self.manifest.run, "complete")


@dataclass(frozen=True, slots=True)
class Request:
    """What a job asks of its output.

    Attributes:
        output: as the user wrote it.
        again: the option about results that are there already, "" if none was given.
        places: of the sources.
        shard: which part of the images; None is all.
        objection: why sources of other places are not those that have moved there, if it is known.
        asked: what can change answers; None if it was not worth while to learn that yet.
    """

    output: str
    paths: RunPaths
    again: Again = ""
    places: Sequence[str] = ()
    asked: Mapping[str, Any] | None = None
    objection: str = ""
    shard: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """There is nothing to do.

    Attributes:
        failed: their lines with an error, by kind.
    """

    manifest: Manifest
    failed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class GoOn:
    """The images of this generation that have no line yet, if there are any."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A new manifest and, but for ``--retry-failed``, a new list.

    Attributes:
        before: the generation whose results this one replaces; None if there was none.
    """

    before: Manifest | None
    reason: Reason

    @property
    def over(self) -> bool:
        """Nothing of the results before is taken over, whatever they are."""
        return self.reason in ("fresh", "removed")

    @property
    def carry(self) -> Carry:
        """What is taken over from the results before."""
        return self.reason if self.reason in ("extend", "retry-failed") else ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The job cannot have this output."""

    error: BatchclsError


Plan = Finished | GoOn | NewGeneration | Refused


def plan(found: Found, request: Request) -> Plan:
    """What to do, as far as it can be known before a worker has loaded the model."""
    manifest, again = found.manifest, request.again
    if manifest is None or found.removed:
        return _anew(found, request)
    if again == "fresh":
        return GoOn(manifest) if _begun_fresh(manifest, found, request) else _anew(found, request)
    if (before := manifest.settings.get("places")) != request.places:
        return Refused(_other_sources(request, before))
    if manifest.shard != request.shard:
        return Refused(_other_shard(request, manifest))
    if again and not found.complete:
        if again in (manifest.carry, "follow"):
            return GoOn(manifest)  # what this option began was stopped
        return Refused(
            RefusedError(
                f"{request.output} is not complete; run the same command without `--{again}` first"
            )
        )
    if again in ("extend", "follow"):
        return NewGeneration(manifest, "extend")
    if again == "retry-failed" and found.mark is not None and found.mark.failed:
        return NewGeneration(manifest, "retry-failed")
    same = request.asked is not None and manifest.settings.get("asked") == request.asked
    if found.complete and found.mark is not None and not again and same:
        return Finished(manifest, found.mark.failed)
    return GoOn(manifest)


def when_listed(decided: GoOn | NewGeneration, count: int) -> GoOn | NewGeneration:
    """The same, or to go on where no image was added to what there is.

    Args:
        count: images on the list, with those that were added.
    """
    if isinstance(decided, NewGeneration) and decided.reason == "extend":
        before = decided.before
        if before is not None and count <= before.count:
            return GoOn(before)
    return decided


def goes_on_from(decided: GoOn | NewGeneration) -> Manifest | None:
    """The generation whose list and whose lines count on."""
    if isinstance(decided, GoOn):
        return decided.manifest
    return None if decided.over else decided.before


def _begun_fresh(manifest: Manifest, found: Found, request: Request) -> bool:
    """Whether ``--fresh`` began these lines: to type it again must not throw a night away."""
    settings = manifest.settings
    began = settings.get("job", {}).get("fresh", False)
    same = (manifest.shard, settings.get("places")) == (request.shard, request.places)
    return bool(began and found.part) and same


def _anew(found: Found, request: Request) -> NewGeneration | Refused:
    """Begin from the start, unless something is in the way."""
    paths, again = request.paths, request.again
    over = again == "fresh" or found.removed
    if found.manifest is None and found.results and not (over and found.damaged):
        return Refused(
            RefusedError(
                f"{paths.results} exists, and {paths.directory} does not say which run it is from; "
                "move it away, or choose another `--output`"
            )
        )
    if found.part and not over:
        return Refused(
            RefusedError(
                f"{paths.part} holds results, but {paths.directory} does not say of which run; "
                "move it away, choose another `--output`, or start over with `--fresh`"
            )
        )
    if again in ("extend", "retry-failed"):
        return Refused(
            UsageError(
                f"{request.output}: there are no complete results; run without `--{again}` first"
            )
        )
    if found.removed:
        return NewGeneration(found.manifest, "removed")
    return NewGeneration(found.manifest, "fresh" if over else "first")


def _other_sources(request: Request, before: Sequence[str] | None) -> RefusedError:
    why = f"they have not moved there: {request.objection}\n" if request.objection else ""
    return RefusedError(
        f"{request.output} was made from other sources:\n"
        f"  was {', '.join(before or ['?'])}\n  is {', '.join(request.places)}\n{why}"
        "name the old sources, choose another `--output`, or start over with `--fresh`"
    )


def _other_shard(request: Request, manifest: Manifest) -> RefusedError:
    before, now = (
        "all images" if shard is None else f"shard {shard}"
        for shard in (manifest.shard, request.shard)
    )
    return RefusedError(
        f"{request.output} was made of {before}, and this is {now}; give each shard an `--output` "
        "of its own, or start over with `--fresh`"
    )
