#!/usr/bin/env bash
# OpenVINO 2026.4.1 keeps memory for every input size that a compiled CPU model of open height and
# width has seen: half a megabyte for each in this network of three convolutions, 1 GB after 2,000.
# CPU_RUNTIME_CACHE_CAPACITY bounds that (compile_model takes it, though SUPPORTED_PROPERTIES does
# not list it), and 0 costs no time that could be measured where each image has a size of its own
# (17.4 s for 2,000 by default, 18.7 s with 0, on a busy machine). Seen, above the memory before:
#   default, 2,000 images of one size: less than 50 MB more
#   default, 2,000 images of 2,000 sizes: more than 500 MB more
#   capacity 0, 2,000 images of 2,000 sizes: less than 250 MB more
# Whoever feeds pictures at their own sizes to such a model grows like this all night, in each
# process and for each compiled model.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openvino==2026.4.1 numpy==2.4.6

cat > "$work/sizes.py" <<'PYTHON'
import sys

import numpy as np
import openvino as ov
from openvino import opset13 as ops

IMAGES = 2000


def resident() -> int:
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


numbers = np.random.default_rng(0)
picture = ops.parameter([1, 3, -1, -1], np.float32)
found, channels = picture, 3
for more in (16, 32, 64):
    weights = numbers.normal(size=(more, channels, 3, 3)).astype(np.float32)
    found = ops.convolution(found, ops.constant(weights), [2, 2], [1, 1], [1, 1], [1, 1])
    found, channels = ops.relu(found), more
model = ov.Model([ops.reduce_mean(found, np.array([2, 3]))], [picture])

settings = {"INFERENCE_NUM_THREADS": "1"}
capacity = sys.argv[2]
if capacity != "default":
    settings["CPU_RUNTIME_CACHE_CAPACITY"] = capacity
core = ov.Core()
assert "CPU_RUNTIME_CACHE_CAPACITY" not in core.get_property("CPU", "SUPPORTED_PROPERTIES")
request = core.compile_model(model, "CPU", settings).create_infer_request()
largest = np.zeros((1, 3, 245, 275), np.float32)
for _ in range(5):
    request.infer({0: largest})
before = resident()
for index in range(IMAGES):
    down, across = 245, 275
    if sys.argv[1] == "2,000":
        down, across = 128 + index % 40 * 3, 128 + index // 40 * 3
    request.infer({0: largest[:, :, :down, :across].copy()})
grown = resident() - before
bound = "more than 500" if grown > 500 else str(grown)
bound = next((f"less than {limit}" for limit in (50, 250) if grown < limit), bound)
print(f"{resident()} MB in the end, {before} before", file=sys.stderr)
name = "default" if capacity == "default" else f"capacity {capacity}"
sizes = "2,000 sizes" if sys.argv[1] == "2,000" else "one size"
print(f"{name}, {IMAGES:,} images of {sizes}: {bound} MB more")
PYTHON
for case in "1 default" "2,000 default" "2,000 0"; do
    # shellcheck disable=SC2086
    "$work/venv/bin/python" "$work/sizes.py" $case
done | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
default, 2,000 images of one size: less than 50 MB more
default, 2,000 images of 2,000 sizes: more than 500 MB more
capacity 0, 2,000 images of 2,000 sizes: less than 250 MB more
SEEN
