"""Lets the list of a run grow: more images behind those that are there, and more lines in place.

In place, since a new generation writes all lines again: a night of batches would cost their square.
A list that was frozen is the beginning of the next one, byte for byte, so the lines stay right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from batchcls.results import generation
from batchcls.results import manifest as manifests
from batchcls.running import fingerprint
from batchcls.running.listed_work import ListedWork
from batchcls.running.plan import NewGeneration
from batchcls.running.resume import Output, Ready
from batchcls.sources import freezing
from batchcls.sources.inputs import InputsList
from batchcls.sources.opening import Opened
from batchcls.sources.walk import Notes


def append(
    output: Output,
    names: Iterable[bytes],
    opened: Opened,
    old: InputsList | None,
    notes: Notes,
) -> InputsList | None:
    """Prepare a list with more images; see `sources.freezing.append`.

    Args:
        output: of the run.
        names: of the images.
        opened: their sources.
        old: the list before; None if there is none.
        notes: takes why a container is left out.
    """
    paths = output.paths
    generation.stage(paths, output.storage)
    before = None if old is None else (old, paths.inputs)
    listed = freezing.append(
        names, opened, before, output.job, paths.next_inputs, notes,
        open_lister=output.open_lister,
    )  # fmt: skip
    if listed is None:
        generation.forget(paths, output.storage)
    return listed


def grow(
    output: Output,
    ready: Ready,
    listed: InputsList,
    asked: Mapping[str, Any],
    description: Mapping[str, Any],
) -> Ready:
    """Go on in the same results with the list that `append` prepared.

    Args:
        output: of the run.
        ready: the same; all of its images are labelled.
        listed: by `append`.
        asked: by `fingerprint.asked`.
        description: the worker's.

    Raises:
        StoppedError: the disk is full or fails.
    """
    paths, storage = output.paths, output.storage
    # As it is on the disk: what has happened in the session is noted there.
    before = manifests.load(storage, paths.manifest) or ready.manifest
    manifest = replace(
        before,
        inputs=listed.as_dict(),
        fingerprint=fingerprint.resolved(asked, description, listed.named),
        settings={**before.settings, **output.where(NewGeneration(before, "extend"), listed)},
    )
    ready.journal.expect(len(manifest.lines))
    generation.grow(paths, storage, manifest)
    output.manifest = manifest
    ready.work.close()
    work = ListedWork(output.reader(manifest), manifest.lines, ready.journal.next)
    return replace(ready, work=work, images=manifest.lines, manifest=manifest)
