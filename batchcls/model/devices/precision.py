"""In which precision devices really compute: asked of what they compile, not of the options.

A precision is a hint. A processor without f16 computes in bf16 or f32, differently for the same
device by itself and behind AUTO or HETERO, and only a compiled model says so. AUTO and MULTI speak
of those devices alone that have work at the moment, so that workers would contradict each other:
what is behind them is asked one by one, by way of a model of one operation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.model.devices.core import Properties, is_cpu
from batchcls.model.devices.strings import Device
from batchcls.model.runtime import CompiledModel, Core, Model, Type, opset13

HINT = "INFERENCE_PRECISION_HINT"
ALWAYS = "f32"
"""Every device follows this one."""
UNSAID = "the device's"


def computed(
    core: Core, properties: Properties, models: Sequence[tuple[Device, CompiledModel]]
) -> dict[str, str]:
    """In which precision each device computes: device name → "f32", "bf16", or what it says.

    Args:
        core: its devices are configured.
        properties: that they were configured with.
        models: what was compiled, with the device that it was compiled for.
    """
    return {
        name: said if (said := _text(values.get(HINT))) == ALWAYS else _asked(core, name, models)
        for name, values in sorted(properties.items())
    }


def notes(properties: Properties, precisions: Mapping[str, str]) -> list[str]:
    """For people: which device does not compute as it was configured to.

    Args:
        properties: that the devices were configured with.
    """
    return [
        f"{name} cannot compute in {wanted} and computes in {precisions[name]}"
        for name, values in properties.items()
        if (wanted := _text(values.get(HINT))) not in (UNSAID, precisions[name])
    ]


def _asked(core: Core, name: str, models: Sequence[tuple[Device, CompiledModel]]) -> str:
    """What one device says; the different answers of one that is asked in several ways."""
    found = []
    for device, model in models:
        if not device.kind and name in device.names:
            found.append(_said(model, name))
        elif device.kind and name in (device.names or (name,)) and is_cpu(name):
            found.append(_said(_compile(core, f"{device.kind}:{name}"), name))
    return ", ".join(sorted(set(found))) or UNSAID


def _compile(core: Core, device: str) -> CompiledModel:
    numbers = opset13.parameter([1], Type.f32)
    return core.compile_model(Model([opset13.relu(numbers)], [numbers], "precision"), device)


def _said(model: CompiledModel, name: str) -> str:
    try:
        return _text(model.get_property(HINT))
    except RuntimeError:
        pass
    try:
        return _text(model.get_property("DEVICE_PROPERTIES")[name][HINT])
    except (RuntimeError, KeyError):
        return UNSAID


def _text(value: Any) -> str:
    """OpenVINO's name of an element type, which comes as an object or as text."""
    if value is None:
        return UNSAID
    return str(value.get_type_name()) if hasattr(value, "get_type_name") else str(value)
