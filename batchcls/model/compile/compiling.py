"""Makes a job's compiled models: from the folder of those kept, else by compiling, and keeps them.

The one place where the model, its card and what was compiled of it meet. What comes out is the
same either way.
"""

import io
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from batchcls.errors import BatchclsError, DeviceError
from batchcls.job.job import Job
from batchcls.model.compile import cache_key, hetero, load
from batchcls.model.compile.card import Card
from batchcls.model.compile.compiled_files import CompiledFiles, Kept, Turn
from batchcls.model.devices import core as cores
from batchcls.model.devices.strings import Device
from batchcls.model.graph import input_rows, int8, pool_parts
from batchcls.model.metadata import model_info
from batchcls.model.runtime import CompiledModel, Core, Model, Tensor

_LABELS_ELSEWHERE = "path_to_labels"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model compiled for one device string.

    Attributes:
        device: as resolved.
        model: ready to make infer requests.
        operations: operations per device, for HETERO; else empty.
    """

    device: Device
    model: CompiledModel
    operations: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For the description."""
        return {
            "asked": self.device.asked,
            "used": str(self.device),
            "kind": self.device.kind,
            "execution": list(self.model.get_property("EXECUTION_DEVICES")),
            "operations": self.operations,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """What came out.

    Attributes:
        card: what is known about the model.
        int8: how quantised layers are computed; see `batchcls.model.graph.int8.choose`.
        compiled: one for each device string.
        lasting: nothing outside the key went into it, so that it may be kept.
        notes: for people, beside the card's.
        settle: waits until it is kept, if it is being written; at most so many seconds.
    """

    card: Card
    int8: str
    compiled: tuple[Compiled, ...]
    lasting: bool = True
    notes: tuple[str, ...] = ()
    settle: Callable[[float], object] = lambda timeout_s: None


def make(
    job: Job,
    core: Core,
    devices: Sequence[Device],
    configured: cores.Properties,
    batch_size: int,
) -> Made:
    """Compile a job's model for each of its devices, or take what an earlier start compiled.

    Args:
        job: the run.
        core: its devices configured.
        devices: as resolved.
        configured: what the devices were told.
        batch_size: images in a request.

    Raises:
        ModelError: the model cannot be read, understood or compiled.
        DeviceError: a device refuses.
        LabelsError: labels that do not match the model.
        UsageError: an option that makes no sense.
    """
    files, notes = _files(job)
    if files is not None and cache_key.suits(devices):
        made = _kept_or_anew(files, job, core, devices, configured, batch_size)
    else:
        if files is not None and job.cache_dir is not None:
            # OpenVINO's own cache. Not by default: it writes its files in place, and a second
            # process may read half of one.
            files.shrink()
            core.set_property({"CACHE_DIR": str(files.folder)})
        made = _anew(job, core, devices, configured, batch_size)
    return replace(made, notes=(*notes, *made.notes))


def default_folder() -> Path:
    """Where compiled models are kept for a user who names no folder."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if Path(base).is_absolute() else Path("~/.cache").expanduser()
    return home / "batchcls" / "compiled"


def _files(job: Job) -> tuple[CompiledFiles | None, tuple[str, ...]]:
    """The folder of compiled models, where there is to be one, and what people should know.

    Operations and plugins from files of the user's are beyond what a key can say: nothing is kept.
    """
    if not job.cache or job.extension or job.plugins:
        return None, ()
    named = job.cache_dir
    try:
        folder = default_folder() if named is None else Path(named).expanduser()
        return CompiledFiles.open(folder), ()
    except (OSError, RuntimeError) as error:  # no home directory is a RuntimeError
        why = f"--cache-dir {named}: {getattr(error, 'strerror', error)}; goes on without it"
        return None, () if named is None else (why,)


def _kept_or_anew(
    files: CompiledFiles,
    job: Job,
    core: Core,
    devices: Sequence[Device],
    configured: cores.Properties,
    batch_size: int,
) -> Made:
    def key() -> str:
        return cache_key.key(job, devices, configured, batch_size)

    name, turn = key(), None
    kept = files.find(name)
    if kept is None and (turn := files.turn(name)) is None:
        kept = files.find(name)  # another process has compiled it meanwhile
    if kept is not None:
        if (made := _recall(core, kept, devices)) is not None:
            return made
        files.forget(name)
    try:
        made = _anew(job, core, devices, configured, batch_size)
        return made if turn is None else _keep(files, turn, name, key, made)
    except BaseException:
        if turn is not None:
            turn.close()
        raise


def _anew(
    job: Job,
    core: Core,
    devices: Sequence[Device],
    configured: cores.Properties,
    batch_size: int,
) -> Made:
    loaded = load.load(job, core)
    model = load.connect(loaded, batch_size)
    how, told = int8.choose(core, model, configured, job.int8)
    if cores.only_cpus(devices) and how in ("none", "exact"):
        input_rows.arrange(model)
        pool_parts.arrange(model)
    split = hetero.wishes(loaded.model)
    compiled = tuple(_compile(core, model, device, split) for device in devices)
    named = _LABELS_ELSEWHERE in model_info.read_info(loaded.model, model_info.ROOT)
    return Made(Card.of(loaded), how, compiled, lasting=not named, notes=told)


def _compile(core: Core, model: Model, device: Device, wishes: Mapping[str, str]) -> Compiled:
    try:
        if device.kind == "HETERO":
            model = hetero.split(core, model, device, wishes)
        operations = hetero.operations(model)
        return Compiled(device, core.compile_model(model, str(device)), operations)
    except RuntimeError as error:
        raise DeviceError(
            f"device {device.asked} cannot compile the model: {cores.reason(error)}"
        ) from error


def _recall(core: Core, kept: Kept, devices: Sequence[Device]) -> Made | None:
    """What was kept, made ready again; None where OpenVINO does not take it."""
    try:
        card = Card.from_dict(kept.facts["card"])
        compiled = tuple(
            Compiled(device, core.import_model(_tensor(blob), str(device)), operations)
            for device, blob, operations in zip(
                devices, kept.blobs, kept.facts["operations"], strict=True
            )
        )
        return Made(card, kept.facts["int8"], compiled, notes=tuple(kept.facts["notes"]))
    except (RuntimeError, KeyError, TypeError, ValueError):
        return None


def _tensor(blob: memoryview) -> Tensor:
    return Tensor(np.frombuffer(blob, np.uint8), shared_memory=True)


def _keep(files: CompiledFiles, turn: Turn, name: str, key: Callable[[], str], made: Made) -> Made:
    """Keep what was compiled; the writing goes on aside from what comes next."""
    if not (made.lasting and made.card.survives):
        turn.close()
        return made
    try:
        blobs = [_exported(one.model) for one in made.compiled]
    except RuntimeError:
        turn.close()
        return made
    facts = {
        "card": made.card.as_dict(),
        "int8": made.int8,
        "notes": made.notes,
        "operations": [one.operations for one in made.compiled],
    }

    def write() -> None:
        try:
            # The files may have been changed between their hashing and their reading.
            if key() == name:
                files.keep(turn, name, facts, blobs)
        except BatchclsError:
            pass  # they are gone
        finally:
            turn.close()

    thread = threading.Thread(target=write, name="keep compiled model")
    thread.start()
    return replace(made, settle=thread.join)


def _exported(model: CompiledModel) -> memoryview:
    stream = io.BytesIO()
    model.export_model(stream)
    return stream.getbuffer()
