"""Finds out whether this CPU's int8 sums saturate, and keeps quantised models right where they do.

Without VNNI instructions the CPU plugin adds pairs of u8 x i8 products in 16 bits, which overflow
when weights and activations are large. NNCF leaves a bit free for that; TFLite's models do not.
Measured with tf2_mobilenet_v2_1.0_224_ptq on 300 photos, top-1: TFLite's interpreter 0.873,
OpenVINO with VNNI 0.873, without (AVX2, or AVX-512 before VNNI) 0.830, and 0.867 everywhere with
the low-precision transformations off, at about two thirds of the speed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from openvino import Core, Model, Type, opset13

from batchcls.model import weights
from batchcls.model.core import is_cpu

ROOM = 64
"""255 x 64 + 255 x 64 still fits into 16 bits with a sign."""

PROPERTY = "LP_TRANSFORMS_MODE"
"""Of the CPU plugin: NO computes quantised layers in floating point, as they are written."""

_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables that keep oneDNN from using what the processor has."""


def is_quantised(model: Model) -> bool:
    """Some layers compute on 8 bits: the graph has FakeQuantize operations."""
    return any(op.get_type_name() == "FakeQuantize" for op in model.get_ops())


def leaves_room(model: Model) -> bool:
    """No two products of the model's 8-bit weights overflow 16 bits: none is above 64.

    NNCF makes such models (`OverflowFix.ENABLE`), `batchcls quantize` among others.
    """
    kept = [op for op in model.get_ops() if _is_weight(op)]
    return bool(kept) and all(
        int(op.get_data().min()) >= -ROOM and int(op.get_data().max()) <= ROOM for op in kept
    )


def _is_weight(op: Any) -> bool:
    """Stored in 8 bits, of more than one axis; scales and zero points are floats or single."""
    eight_bits = op.get_element_type() in (Type.i8, Type.u8) if op.get_output_size() == 1 else False
    return op.get_type_name() == "Constant" and eight_bits and len(op.get_output_shape(0)) > 1


def protect(core: Core, model: Model, configured: Mapping[str, Mapping[str, Any]]) -> str:
    """Switch quantised layers to floating point on CPU devices whose int8 sums saturate.

    Args:
        core: the devices' properties are set in it.
        model: to be compiled; its weights are folded where it computes in floating point.
        configured: device → properties; a user's own choice of `PROPERTY` stays.

    Returns:
        How quantised layers are computed: "none", "fast", or "exact" where any device had to be
        switched; for the fingerprint, since it changes answers.
    """
    if not is_quantised(model):
        if any(is_cpu(name) for name in configured):
            weights.fold(model)
        return "none"
    found = "fast"
    safe = leaves_room(model)
    for name, properties in configured.items():
        if PROPERTY in properties:
            found = "exact" if str(properties[PROPERTY]).upper() == "NO" else found
        elif is_cpu(name) and not safe and saturates(core, name):
            core.set_property(name, {PROPERTY: "NO"})
            found = "exact"
    if found == "exact":
        weights.fold(model)
    return found


def saturates(core: Core, device: str) -> bool:
    """This device's int8 convolution gets a sum of large products wrong.

    Asked of the device itself, unless the processor says that it has VNNI: that takes 0.15 s.
    """
    if _has_vnni():
        return False
    largest = 64 * 255.0 * 127.0
    compiled = core.compile_model(_extremes(), device, {"PERF_COUNT": "NO"})
    got = compiled(np.full((1, 64, 8, 8), 255.0, np.float32))[0]
    return bool(np.abs(got - largest).max() > 0.01 * largest)


def _has_vnni() -> bool:
    if any(os.environ.get(name) for name in _LIMITS):
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0]
    except OSError:
        return False
    return "vnni" in flags


def _extremes() -> Model:
    """A quantised 1x1 convolution whose products are the largest there are."""
    image = opset13.parameter([1, 64, 8, 8], Type.f32)
    limits = [np.array(v, np.float32) for v in (0.0, 255.0, 0.0, 255.0)]
    activations = opset13.fake_quantize(image, *limits, 256)
    ints = opset13.constant(np.full((64, 64, 1, 1), 127, np.int8))
    weights = opset13.multiply(opset13.convert(ints, "f32"), np.ones((64, 1, 1, 1), np.float32))
    sums = opset13.convolution(activations, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    return Model([sums], [image], "extremes")
