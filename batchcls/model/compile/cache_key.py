"""Decides which compiled models are interchangeable: the key under which one is cached.

In the key is everything that what is compiled, or what is known about it, can depend on: the bytes
of the model and of the files beside it, the job, the devices and their properties, the processor,
the versions and this package's own code. Left out is only what is named here, so that whatever is
forgotten costs a compilation and never an answer.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import batchcls.model
from batchcls.job.paths import expanded
from batchcls.model.compile.compilation import Compilation
from batchcls.model.devices import cpu
from batchcls.model.devices.core import is_cpu, only_cpus
from batchcls.model.devices.strings import Device
from batchcls.model.files.find import file_hash, model_hash, model_path
from batchcls.model.runtime import openvino
from batchcls.version import __version__

NEUTRAL = frozenset(
    {
        "sources",
        "null_separated",
        "names",
        "follow_links",
        "raw",
        "frames",
        "exclude",
        "decode",
        "fast",
        "fast_agreement",
        "fast_plan",
        "yes",
        "output",
        "shard",
        "cluster",
        "fresh",
        "extend",
        "follow",
        "retry_failed",
        "embeddings",
        "mixed_processors",
        "max_failed",
        "top",
        "classes",
        "always",
        "with_facts",
        "number_iter",
        "progress",
        "report",
        "on_end",
        "log_level",
        "debug",
        "workers",
        "decode_threads",
        "nireq",
        "timeout",
        "worker_memory",
        "cache",
        "cache_dir",
        "strict_devices",
        "device_check",
        "device_agreement",
        "strict_preprocess",
    }
)
"""Fields of a job that no compiled model depends on."""

ELSEWHERE = frozenset(
    {
        "model",
        "labels",
        "device",
        "load_config",
        "batch_size",
        "hint",
        "nstreams",
        "nthreads",
        "infer_precision",
    }
)
"""Fields that are in the key as what they lead to: contents, devices, properties."""

ALLOCATION = frozenset(
    {"NUM_STREAMS", "INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING", "PERFORMANCE_HINT"}
)
"""Properties that the CPU plugin applies anew to what it imports: however the machine is divided
among workers, one file serves."""

_ENVIRONMENT = ("ONEDNN_", "DNNL_", "OV_", "OPENVINO_")


def suits(devices: Sequence[Device]) -> bool:
    """What these devices compile can be exported, and the key says all that it depends on.

    A GPU's also depends on its driver, AUTO's cannot be exported.
    """
    return only_cpus(devices) and all(device.kind in ("", "HETERO") for device in devices)


def key(work: Compilation, compiler: Mapping[str, Any] | None = None) -> str:
    """The key of what is compiled: a file name.

    Args:
        work: what is compiled.
        compiler: what compiles it; None is `this_compiler`.

    Raises:
        ModelError: a file cannot be read.
    """
    job = work.job
    facts = {
        **(compiler or this_compiler()),
        "environment": {k: v for k, v in os.environ.items() if k.startswith(_ENVIRONMENT)},
        "model": model_hash(model_path(job.model)),
        "labels": job.labels and file_hash(expanded(job.labels)).hex(),
        "plugins": [_library(entry) for entry in job.plugin],
        "devices": [[device.requested, str(device)] for device in work.devices],
        "properties": {n: _lasting(n, properties) for n, properties in work.properties.items()},
        "batch size": work.batch_size,
        "guess": work.guess or "",
        "embeds": job.embeds,
        "job": {k: v for k, v in job.as_dict().items() if k not in NEUTRAL | ELSEWHERE},
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _lasting(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    if not is_cpu(name):
        return dict(properties)
    return {key: value for key, value in properties.items() if key not in ALLOCATION}


def _library(entry: str) -> list[Any]:
    """A plugin's name and, where it is a file of the user's, which one."""
    path = expanded(entry.partition("=")[2])
    try:
        found = path.stat()
    except OSError:
        return [entry]  # OpenVINO's own, of its version
    return [entry, found.st_size, found.st_mtime_ns, found.st_ino]


@cache
def this_compiler() -> Mapping[str, Any]:
    """What compiles here: this code, OpenVINO, NumPy, and what the CPU plugin compiles for."""
    telling = ("vendor_id", "model name", "flags", "Features", "CPU part")
    return {
        "batchcls": [__version__, code_hash(Path(batchcls.model.__path__[0]))],
        "openvino": [openvino.get_version(), np.__version__],
        "processor": {key: value for key, value in cpu.facts().items() if key in telling},
    }


def code_hash(folder: Path) -> str:
    """A hash of all the code below a folder: names and contents of its modules.

    What makes a compiled model out of a file lies in many folders. If one were left out, models
    that older code had compiled would be used on.
    """
    total = hashlib.sha256()
    for module in sorted(folder.rglob("*.py")):
        content = module.read_bytes()
        total.update(f"{module.relative_to(folder)} {len(content)}\n".encode() + content)
    return total.hexdigest()
