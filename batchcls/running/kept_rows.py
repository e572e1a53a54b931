"""Decides whether kept features (`--embeddings`) are those of a run's images and model.

Rules of this file:

1. What decides is the manifest of the results that the file lies beside. Once `--fresh` has
   replaced that one, it is what the new one has taken over from it (`SETTING`).
2. Every key of the two fingerprints must be equal that does not come after the features.
3. Lines are made by a process of its own, and checked like those of any worker.
"""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from batchcls.errors import RefusedError, StoppedError
from batchcls.images import Folder
from batchcls.job.job import Job
from batchcls.job.paths import absolute
from batchcls.messages import Answer
from batchcls.model.files.backbone import backbone
from batchcls.results import echoes, record
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.manifest import FEATURES, Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running import moved
from batchcls.sources.inputs import InputsList

SETTING = "embeddings"
"""Of a manifest's settings: which features its lines were made of; None where of pictures."""

_BEHIND = frozenset(
    {"model", FEATURES, "labels", "score_output", "activation", "threshold", "top", "with"}
    | {"classes", "always"}
)
"""Keys of a fingerprint that say nothing of how features come about, or are compared as what they
mean."""


def required(
    job: Job,
    paths: RunPaths,
    storage: Storage,
    listed: InputsList,
    resolved: Mapping[str, Any],
    description: Mapping[str, Any],
) -> dict[str, Any] | None:
    """What a manifest is to say of the features that a job names; None where it names none.

    Args:
        paths: of the job's own output.
        resolved: its fingerprint.
        description: a worker's.

    Raises:
        RefusedError: they are not those of these images, or of this model, or not complete.
    """
    if job.embeddings is None:
        return None
    taught = description.get("backbone")
    if not taught:
        raise RefusedError(
            "--embeddings: this model does not say which features its last layer was taught on; "
            "it takes a model that `batchcls teach` wrote"
        )
    if description["int8"] != "none" or {*description["precision"].values()} != {"f32"}:
        raise RefusedError("--embeddings: only a model computed in f32 gives the same bytes")
    if list(resolved["devices"]) != ["CPU"]:
        raise RefusedError("--embeddings: the features are used on the CPU; leave out `--device`")
    theirs = _beside(job.embeddings, paths)
    manifest = _manifest(job.embeddings, theirs, storage)
    own = theirs == paths
    if not _complete(theirs, manifest, storage) and not (own and manifest.settings.get(SETTING)):
        raise _refused(job, f"{theirs.results} is not complete; run the same command to resume it")
    _require_list(job, paths, manifest, listed, storage)
    said: dict[str, Any] = manifest.settings.get(SETTING) or _said(manifest)
    if said["backbone"] != taught:
        raise _refused(job, "they are features of another model, or of another of its tensors")
    known = {key: value for key, value in said["fingerprint"].items() if key not in _BEHIND}
    now = {key: value for key, value in resolved.items() if key not in _BEHIND}
    if other := manifests.difference(known, now):
        lines = "".join(f"\n  {one}" for one in other)
        raise _refused(job, f"they were made with other options or versions:{lines}")
    mixed = len(said["processors"]) != 1 or said["processors"] != [_processor(description)]
    if mixed and not job.mixed_processors:
        raise _refused(
            job,
            "they were made on another processor, which may round differently; "
            "`--mixed-processors` takes them all the same",
        )
    return said | {"file": str(theirs.embeddings)}


def answers(
    job: Job, paths: RunPaths, manifest: Manifest, first: int
) -> Generator[Answer, None, None]:
    """The line of each image from `first` on, from its features.

    Raises:
        RefusedError: file and results are not what they were.
        StoppedError: the process that makes the lines is dead, or silent for too long.
    """
    from batchcls.backends.row_lines import RowLines  # few runs have any

    theirs = _beside(str(job.embeddings), paths)
    request = {
        "job": job.as_dict(),
        "rows": str(theirs.embeddings),
        "results": str(theirs.results),
        "list": str(paths.inputs),
        "root": manifest.root,
        "members": bool(manifest.members),
        "lines": [manifest.lines.start, manifest.lines.stop],
        "images": manifest.count,
        "first": first,
    }
    made = RowLines(request, paths.log)
    try:
        for index, line in zip(range(first, manifest.lines.stop), made.lines(), strict=False):
            checked = record.check(line, index)
            if checked is None:
                raise StoppedError(f"no record came for image {index:,}; {paths.log} may say why")
            yield Answer(index, line, checked.failed, checked.label)
    finally:
        made.close()


def _beside(file: str, paths: RunPaths) -> RunPaths:
    """The results that a file of features lies beside; the job's own where they are meant."""
    path = absolute(file)
    for results in (path.with_suffix(".jsonl"), path.with_suffix("")):
        found = RunPaths(results)
        if found.embeddings == path and (found.directory.is_dir() or found == paths):
            return found
    raise RefusedError(
        f"--embeddings {file}: no results of a run lie beside it, to say which images these are"
    )


def _manifest(file: str, theirs: RunPaths, storage: Storage) -> Manifest:
    manifest = manifests.load(storage, theirs.manifest)
    kept = manifest is not None and (
        FEATURES in manifest.fingerprint or manifest.settings.get(SETTING)
    )
    if manifest is None or not kept or not Path(theirs.embeddings).is_file():
        raise RefusedError(
            f"--embeddings {file}: no features of a complete run; make them with `--with embedding`"
        )
    return manifest


def _complete(theirs: RunPaths, manifest: Manifest, storage: Storage) -> bool:
    with guard(theirs.commit):
        there = storage.stat(theirs.results) is not None
        found = marks.read(storage, theirs.commit) if there else None
        begun = storage.stat(theirs.part) is not None
    mark = None if found is None else found[0]
    return mark is not None and not begun and (mark.run, mark.state) == (manifest.run, "complete")


def _require_list(
    job: Job, paths: RunPaths, manifest: Manifest, listed: InputsList, storage: Storage
) -> None:
    """Refuse features of other images, as far as names, order and some sizes tell."""
    ours = (listed.count, listed.sha256, job.shard)
    if ours != (manifest.count, manifest.inputs["sha256"], manifest.shard):
        raise _refused(
            job,
            f"they are of another list of images ({manifest.count:,}, and this one has "
            f"{listed.count:,}); make them again with `--with embedding`",
        )
    staged = storage.stat(paths.next_inputs) is not None
    with guard(paths.inputs):
        sizes = moved.some_sizes(paths.next_inputs if staged else paths.inputs, Folder(listed.root))
    before = manifest.settings.get("sizes", {})
    if changed := [name for name in before if sizes.get(name, before[name]) != before[name]]:
        raise _refused(job, f"{changed[0]} has changed since they were made")


def _said(manifest: Manifest) -> dict[str, Any]:
    """What the manifest of the run that made features says of them."""
    fingerprint = manifest.fingerprint
    tensor = fingerprint[FEATURES][0]
    taught = manifest.settings.get("backbone") if tensor == "features" else None
    return {
        "backbone": taught
        or backbone(fingerprint["model"], tensor, fingerprint.get("score_output")),
        "fingerprint": dict(fingerprint),
        "processors": [echo.processor for echo in echoes.recorded(manifest.settings)],
    }


def _processor(description: Mapping[str, Any]) -> str:
    return echoes.heard(description).processor


def _refused(job: Job, why: str) -> RefusedError:
    return RefusedError(f"--embeddings {job.embeddings}: {why}")
