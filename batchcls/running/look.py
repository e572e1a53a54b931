"""Looks at what lies under an output's name; finished results that were changed are refused."""

from batchcls.errors import RefusedError
from batchcls.results import generation
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.recovery import require_finished
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running.plan import Found


def places_before(paths: RunPaths, storage: Storage) -> tuple[str, ...]:
    """The sources of the latest generation; none where it does not say."""
    try:
        manifest = manifests.load(storage, paths.manifest)
    except RefusedError:  # `look` tells of it
        return ()
    return () if manifest is None else tuple(manifest.settings.get("places", ()))


def look(paths: RunPaths, storage: Storage, *, fresh: bool) -> Found:
    """What is there, once what a crash left half begun is carried out or forgotten.

    Args:
        paths: of the output, whose lock the caller holds.
        fresh: the job starts over, so that damage need not be in its way.

    Raises:
        RefusedError: the manifest, the mark or the finished results are damaged.
        StoppedError: the disk fails.
    """
    damaged = False
    generation.recover(paths, storage, fresh=fresh)
    try:
        manifest = manifests.load(storage, paths.manifest)
    except RefusedError:
        if not fresh:
            raise
        manifest, damaged = None, True
    found = None
    with guard(paths.commit):
        results = storage.stat(paths.results) is not None
        part = storage.stat(paths.part)
        # Damage of a mark that nothing depends on must not be in the way.
        if manifest is not None and part is None and not (fresh and results):
            found = marks.read(storage, paths.commit)
    mark = found[0] if found is not None else None
    there = Found(manifest, results, part.size if part is not None else None, mark, damaged)
    if there.complete and manifest is not None and mark is not None and not fresh:
        from batchcls.running.known_lines import known_lines  # no worker is waiting

        with guard(paths.results), known_lines(paths, manifest) as fits:
            require_finished(storage, paths.results, mark, fits, manifest.lines.start)
    return there
