"""Compiles a job's model from its files: what happens where nothing is cached."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchcls.errors import DeviceError
from batchcls.model.compile import hetero, load
from batchcls.model.compile.compilation import Compilation
from batchcls.model.compile.compiled import Compiled, DeviceModel
from batchcls.model.compile.model_metadata import leave_undecided
from batchcls.model.devices import core as cores
from batchcls.model.devices.strings import Device
from batchcls.model.graph import features, input_rows, int8, pool_parts
from batchcls.model.metadata import model_info
from batchcls.model.runtime import Model

_LABELS_ELSEWHERE = "path_to_labels"


def compile_from_source(work: Compilation) -> Compiled:
    """Read, understand, edit and compile a job's model for each of its devices.

    Raises:
        UndecidedError: the preprocessing is a guess that is left to the caller.
        ModelError: the model cannot be read, understood or compiled.
        DeviceError: a device refuses.
        LabelsError: labels that do not match the model.
        UsageError: an option that makes no sense.
    """
    loaded = load.load(work.job, work.core, work.guess or "")
    leave_undecided(work.guess, loaded.metadata)
    metadata, wanted = loaded.metadata, None
    if work.job.embeds:
        found = features.find(loaded.model, loaded.scores, work.job.features)
        metadata = replace(metadata, features=(found.name, found.size))

        def wanted(copy: Model) -> Any:
            return features.find(copy, loaded.scores, work.job.features).flat()

    model = load.connect(loaded, work.batch_size, wanted)
    how, notes = int8.choose(work.core, model, work.properties, work.job.int8)
    if cores.only_cpus(work.devices) and how in ("none", "exact"):
        input_rows.arrange(model)
        pool_parts.arrange(model)
    affinities = hetero.affinities(loaded.model)
    models = tuple(_on_device(work, model, device, affinities) for device in work.devices)
    elsewhere = _LABELS_ELSEWHERE in model_info.read_info(loaded.model, model_info.ROOT)
    return Compiled(metadata, how, models, cacheable=not elsewhere, notes=notes)


def _on_device(
    work: Compilation, model: Model, device: Device, affinities: Mapping[str, str]
) -> DeviceModel:
    core = work.core
    # What AUTO and MULTI have behind them counts only if they themselves are told to.
    told = work.job.perf_counts and device.kind in ("AUTO", "MULTI")
    config = {"PERF_COUNT": "YES"} if told else {}
    try:
        if device.kind == "HETERO":
            model = hetero.split(core, model, device, affinities)
        operations = hetero.operations(model)
        return DeviceModel(device, core.compile_model(model, str(device), config), operations)
    except RuntimeError as error:
        raise DeviceError(
            f"device {device.requested} cannot compile the model: {cores.reason(error)}"
        ) from error
