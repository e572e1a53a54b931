"""Compiles a job's model for its devices, or takes what an earlier start has compiled and cached.

The one place where a model, its metadata and what is compiled from it meet. The outcome is the same
either way.
"""

import io
import threading
from dataclasses import replace

import numpy as np

from batchcls.errors import BatchclsError
from batchcls.job.job import Job
from batchcls.model.compile import cache_key
from batchcls.model.compile.compilation import Compilation
from batchcls.model.compile.compiled import Compiled, DeviceModel
from batchcls.model.compile.compiled_files import CompiledFiles, WriteLock, folder_for
from batchcls.model.compile.compiled_format import CachedModel
from batchcls.model.compile.model_metadata import ModelMetadata, leave_undecided, refuse_guesses
from batchcls.model.runtime import CompiledModel, Tensor


def compile_model(work: Compilation) -> Compiled:
    """Compile a job's model for each of its devices, or take it from the cache.

    Raises:
        ModelError: the model cannot be read, understood or compiled.
        DeviceError: a device refuses.
        LabelsError: labels that do not match the model.
        UsageError: an option that makes no sense.
    """
    files, notes = _cache(work.job)
    if files is not None and cache_key.suits(work.devices):
        found = _cached_or_compiled(files, work)
    else:
        if files is not None and work.job.cache_dir is not None and _reads_its_cache(work):
            # OpenVINO's own cache. Not by default: it writes its files in place, and a second
            # process may read half of one.
            files.shrink()
            place = files.foreign(cache_key.key(work))
            work.core.set_property({"CACHE_DIR": str(place)})
        found = _compile(work)
    return replace(found, notes=(*notes, *found.notes))


def _reads_its_cache(work: Compilation) -> bool:
    """OpenVINO can use what it caches for these devices; MULTI fails from the second start on."""
    return all(device.kind != "MULTI" for device in work.devices)


def _cache(job: Job) -> tuple[CompiledFiles | None, tuple[str, ...]]:
    """The folder of compiled models, where there is to be one, and what people should know."""
    named = job.cache_dir
    try:
        folder = folder_for(job)
        return (None if folder is None else CompiledFiles.open(folder)), ()
    except (OSError, RuntimeError) as error:  # no home directory is a RuntimeError
        why = f"--cache-dir {named}: {getattr(error, 'strerror', error)}; nothing is cached"
        return None, () if named is None else (why,)


def _compile(work: Compilation) -> Compiled:
    # Whoever takes what is cached needs none of this: a tenth of a worker's start.
    from batchcls.model.compile.from_source import compile_from_source

    return compile_from_source(work)


def _cached_or_compiled(files: CompiledFiles, work: Compilation) -> Compiled:
    key, lock = cache_key.key(work), None
    cached = files.find(key)
    if cached is None and (lock := files.lock(key)) is None:
        cached = files.find(key)  # another process has compiled it meanwhile
    if cached is not None:
        if (found := _imported(cached, work)) is not None:
            refuse_guesses(work.job, found.metadata)
            leave_undecided(work.guess, found.metadata)
            return found
        files.remove(key)
    try:
        compiled = _compile(work)
        return compiled if lock is None else _cache_aside(compiled, work, files, lock, key)
    except BaseException:
        if lock is not None:
            lock.close()
        raise


def _imported(cached: CachedModel, work: Compilation) -> Compiled | None:
    """A cached model, ready to run; None where OpenVINO or this version does not take it."""
    facts = cached.facts
    try:
        models = tuple(
            DeviceModel(device, work.core.import_model(_tensor(blob), str(device)), operations)
            for device, blob, operations in zip(
                work.devices, cached.blobs, facts["operations"], strict=True
            )
        )
        metadata = ModelMetadata.from_dict(facts["metadata"])
        return Compiled(metadata, facts["int8"], models, notes=tuple(facts["notes"]))
    except (RuntimeError, KeyError, TypeError, ValueError):
        return None


def _tensor(blob: memoryview) -> Tensor:
    return Tensor(np.frombuffer(blob, np.uint8), shared_memory=True)


def _cache_aside(
    compiled: Compiled, work: Compilation, files: CompiledFiles, lock: WriteLock, key: str
) -> Compiled:
    """Cache what was compiled, in a thread, while the worker goes on to its first images."""
    if not (compiled.cacheable and compiled.metadata.survives_json):
        lock.close()
        return compiled
    try:
        blobs = [_exported(one.model) for one in compiled.models]
    except RuntimeError:
        lock.close()
        return compiled
    facts = {
        "metadata": compiled.metadata.as_dict(),
        "int8": compiled.int8,
        "notes": compiled.notes,
        "operations": [one.operations for one in compiled.models],
    }

    def write() -> None:
        try:
            # The files may have been changed between their hashing and their reading.
            if cache_key.key(work) == key:
                files.store(lock, key, facts, blobs)
        except BatchclsError:
            pass  # the model's files are gone
        finally:
            lock.close()

    thread = threading.Thread(target=write, name="cache compiled model")
    thread.start()
    return replace(compiled, settle=thread.join)


def _exported(model: CompiledModel) -> memoryview:
    stream = io.BytesIO()
    model.export_model(stream)
    return stream.getbuffer()
