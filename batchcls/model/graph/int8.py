"""Decides how a CPU computes quantised layers: as they are written, or fast, in its own int8.

"exact": in floating point, each layer's result rounded to the steps that the model states, which is
what the quantised model means. "fast": by the CPU plugin's low-precision transformations. They
leave out the rounding before a residual addition (measured: without it 99.9 % of such a layer's
values are fast's, with it 77 %), and their sums overflow on processors without VNNI, which add
pairs of u8 x i8 products in 16 bits. NNCF can leave a bit free for that (`OverflowFix.ENABLE`, as
`batchcls quantize` does); TFLite does not.

Measured on two MobileNet v2, 300 photos, ten crops of each, with VNNI, against TFLite's
interpreter; its own kernels differ among themselves by 0.3 points and 1.3 to 1.7 % of the answers:

| | exact | fast | TFLite |
|---|---|---|---|
| mobilenet_v2_1.0_224_quant, top-1 | 0.873 | 0.868 | 0.870 |
| tf2_mobilenet_v2_1.0_224_ptq, top-1 | 0.886 | 0.885 | 0.885 |
| the same, one crop of each | 0.887 | 0.880 | 0.887 |
| the same without VNNI (AVX2) | 0.887 | 0.833 | |
| the same, photos with identical scores with VNNI and without | 300 | 1 of 150 | |
| CPU time of an inference, exact / fast | 1.0 and 1.9 | | |

So exact is the default wherever the weights leave no room: the same answer on every machine, and no
further from TFLite's default kernels. Where they leave room, the model was made for the fast way.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from batchcls.model.devices import cpu
from batchcls.model.devices.core import is_cpu
from batchcls.model.graph import weights
from batchcls.model.runtime import Core, Model, Type, opset13

ROOM = 64
"""255 x 64 + 255 x 64 still fits into 16 bits with a sign."""

PROPERTY = "LP_TRANSFORMS_MODE"
"""Of the CPU plugin: NO computes quantised layers in floating point, as they are written."""

VALUES = {"exact": "NO", "fast": "YES"}
"""Of `PROPERTY`, for `--int8`."""

SATURATING = "fast, saturating"
"""Asked for by a user, on a processor that gets large sums wrong; its answers are its own."""

OVERFLOWS = (
    "this processor's int8 sums overflow with this model's weights, which costs accuracy; "
    "`--int8 exact` computes them correctly"
)

_CHANNELS = 2
"""Of a grouped convolution's weights: (groups, results of a group, channels of a group, …)."""

_DEQUANTISATION = frozenset({"Convert", "Subtract", "Multiply", "Reshape"})


def is_quantised(model: Model) -> bool:
    """Some layers compute on 8 bits: the graph has FakeQuantize operations."""
    return any(op.get_type_name() == "FakeQuantize" for op in model.get_ops())


def leaves_room(model: Model) -> bool:
    """No two products of the model's 8-bit weights overflow 16 bits: none is above 64.

    NNCF makes such models (`OverflowFix.ENABLE`), `batchcls quantize` among others. It leaves
    depthwise weights their whole range, and they do not count: a kernel of one channel is summed
    in 32 bits, product by product (kernels of 1 to 9 by 9 with the largest weights and inputs are
    exact on AVX2, AVX-512 and with VNNI).
    """
    kept = [op for op in model.get_ops() if _is_weight(op) and not _is_depthwise(op)]
    return bool(kept) and all(
        int(op.get_data().min()) >= -ROOM and int(op.get_data().max()) <= ROOM for op in kept
    )


def _is_weight(op: Any) -> bool:
    """Stored in 8 bits, of more than one axis; scales and zero points are floats or single."""
    eight_bits = op.get_element_type() in (Type.i8, Type.u8) if op.get_output_size() == 1 else False
    return op.get_type_name() == "Constant" and eight_bits and len(op.get_output_shape(0)) > 1


def _is_depthwise(weight: Any) -> bool:
    """Only a convolution of groups of one channel takes it, once it is dequantised."""
    takers = [target.get_node() for target in weight.output(0).get_target_inputs()]
    while len(takers) == 1 and takers[0].get_type_name() in _DEQUANTISATION:
        takers = [target.get_node() for target in takers[0].output(0).get_target_inputs()]
    return bool(takers) and all(_has_groups_of_one(op) for op in takers)


def _has_groups_of_one(op: Any) -> bool:
    if op.get_type_name() != "GroupConvolution":
        return False
    return bool(op.get_input_partial_shape(1)[_CHANNELS] == 1)


def choose(
    core: Core, model: Model, configured: Mapping[str, Mapping[str, Any]], wanted: str | None
) -> tuple[str, tuple[str, ...]]:
    """Make the CPU devices compute quantised layers one way, the same on all of them.

    Args:
        core: the devices' properties are set in it.
        model: to be compiled; its weights are folded where it computes in floating point.
        configured: device → properties, `--load-config`'s among them.
        wanted: exact or fast (`--int8`); None = what `PROPERTY` was configured to, else decided
            from the model alone, so that every machine decides alike.

    Returns:
        (how, warnings): "none" without quantised layers, "exact", "fast" or `SATURATING`; for the
        fingerprint, since it changes answers. Other devices than CPUs compute as they do.
    """
    names = [name for name in configured if is_cpu(name)]
    if not is_quantised(model):
        if names:
            weights.fold(model)
        return "none", ()
    if not names:
        return "fast", ()
    safe = leaves_room(model)
    how = wanted or _configured(configured, names) or ("fast" if safe else "exact")
    for name in names:
        core.set_property(name, {PROPERTY: VALUES[how]})
    if how == "exact":
        weights.fold(model)
    elif not safe and any(saturates(core, name) for name in names):
        return SATURATING, (OVERFLOWS,)
    return how, ()


def _configured(configured: Mapping[str, Mapping[str, Any]], names: list[str]) -> str | None:
    values = [str(configured[n][PROPERTY]).upper() for n in names if PROPERTY in configured[n]]
    if not values:
        return None
    return "exact" if any(value in ("NO", "FALSE") for value in values) else "fast"


def saturates(core: Core, device: str) -> bool:
    """This device's int8 convolution gets a sum of large products wrong.

    Asked of the device itself, unless the processor says that it has VNNI: that takes 0.15 s.
    """
    if cpu.has("vnni"):
        return False
    largest = 64 * 255.0 * 127.0
    compiled = core.compile_model(_extremes(), device, {"PERF_COUNT": "NO"})
    got = compiled(np.full((1, 64, 8, 8), 255.0, np.float32))[0]
    return bool(np.abs(got - largest).max() > 0.01 * largest)


def _extremes() -> Model:
    """A quantised 1x1 convolution whose products are the largest there are."""
    image = opset13.parameter([1, 64, 8, 8], Type.f32)
    limits = [np.array(v, np.float32) for v in (0.0, 255.0, 0.0, 255.0)]
    activations = opset13.fake_quantize(image, *limits, 256)
    ints = opset13.constant(np.full((64, 64, 1, 1), 127, np.int8))
    weights = opset13.multiply(opset13.convert(ints, "f32"), np.ones((64, 1, 1, 1), np.float32))
    sums = opset13.convolution(activations, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    return Model([sums], [image], "extremes")
