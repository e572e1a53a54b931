"""What is said about precision is what devices compute in, not what they were asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
from tests.support import tiny_models as tiny

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)
SCRIPT = """
import json, sys
import openvino
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier
model, device, wanted, cache, plugin = sys.argv[1:]
HINT = "INFERENCE_PRECISION_HINT"
core = openvino.Core()
name, _, library = plugin.partition("=")
core.register_plugin(library, name)
kind, _, names = device.rpartition(":")
if device != "CPU":
    core.available_devices  # loads the plugins; f16 becomes bf16 then, and f32 otherwise
real = {}
for one in names.split(","):
    core.set_property(one, {HINT: wanted})
    compiled = core.compile_model(model, f"{kind}:{one}" if kind else one)
    try:
        found = compiled.get_property(HINT)
    except RuntimeError:
        found = compiled.get_property("DEVICE_PROPERTIES")[one][HINT]
    real[one] = found.get_type_name()
job = Job(
    model=model, device=(device,), infer_precision=wanted, cache_dir=cache, plugin=(plugin,)
)
for _ in "compiled", "from a cache":
    told = Classifier.open(job, Threads(nthreads=1, nstreams="1", nireq=1)).description
    keys = {k: v for k, v in told["fingerprint"].items() if k.startswith("precision")}
    notes = [text for text in told["warnings"] if "computes in" in text]
    print(json.dumps([real, told["precision"], keys, notes]))
"""


@pytest.mark.parametrize(
    "device", ["CPU", "HETERO:CPU", "AUTO:CPU", "MULTI:CPU,VCPU", "BATCH:CPU", "VCPU"]
)
@pytest.mark.parametrize("wanted", ["f16", "bf16"])
def test_what_a_processor_really_computes_in_is_said(
    tmp_path: Path, device: str, wanted: str
) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    arguments = [str(path), device, wanted, str(tmp_path / "cache"), tiny.VCPU]
    if device.startswith("MULTI"):
        arguments[3] = str(tmp_path / "no" / "cache")  # MULTI does not read what it has cached
    # No processor follows f16 under this limit; those with bf16 take that.
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    compiled, cached = map(json.loads, done.stdout.splitlines())
    assert compiled == cached
    real, precisions, keys, notes = compiled
    assert precisions == real
    assert wanted not in real.values() or wanted == "bf16"
    assert keys == {f"precision.{name}": said for name, said in real.items()}
    assert notes == [
        f"{name} cannot compute in {wanted} and computes in {said}"
        for name, said in real.items()
        if said != wanted
    ]


def test_the_default_needs_no_warning(tmp_path: Path) -> None:
    path = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    for wanted in ("", "f32", "CPU:f32"):
        told = Classifier.open(Job(model=str(path), infer_precision=wanted), ONE).description
        assert told["precision"] == {"CPU": "f32"}
        assert not [text for text in told["warnings"] if "computes in" in text]
