#!/usr/bin/env bash
# OpenVINO 2026.4.1's CPU plugin takes the rounding out of a model that converts f32 to f16 and back:
# where it computes in f32 both conversions go, without a word, while those of a constant in the same
# model are carried out when it is loaded. Seen, for 1 + 1/4096, which float16 does not have, and for
# 70,000, which is above its largest number:
#   NumPy 1.0 inf
#   of a constant 1.0 inf
#   of an input 1.0002441 70000.0
# Whoever rounds features in the graph, so that those kept as float16 give the same answers, has
# rounded nothing.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openvino==2026.4.1 numpy==2.4.6

cat > "$work/rounding.py" <<'PYTHON'
import numpy as np
import openvino as ov
from openvino import opset13 as ops

values = np.array([1 + 1 / 4096, 70_000], np.float32)


def rounded(source):
    return ops.convert(ops.convert(source, "f16"), "f32")


given = ops.parameter([2], np.float32)
model = ov.Model([rounded(given), rounded(ops.constant(values))], [given])
compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = compiled(values)
with np.errstate(over="ignore"):
    print("NumPy", *values.astype(np.float16).astype(np.float32))
print("of a constant", *found[1])
print("of an input", *found[0])
PYTHON
"$work/venv/bin/python" "$work/rounding.py" | tee "$work/seen"
diff - "$work/seen" <<'SEEN'
NumPy 1.0 inf
of a constant 1.0 inf
of an input 1.0002441 70000.0
SEEN
