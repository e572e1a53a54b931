"""HETERO: which operation runs on which device, decided before compiling, so that it can be shown.

An explicit affinity comes first: `affinity` in an operation's own rt_info, or the model's rt_info
``batchcls/affinity``, a JSON object operation name → device (OpenVINO does not write the former
into an IR). The rest goes where OpenVINO's query puts it.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from batchcls.errors import ModelError
from batchcls.model.devices.strings import Device
from batchcls.model.metadata.model_info import OWN_ROOT, read_info
from batchcls.model.runtime import Core, Model

KEY = "affinity"
_NO_WORK = frozenset({"Constant", "Parameter", "Result"})


def affinities(model: Model) -> dict[str, str]:
    """The explicit split that a model carries: operation name → device; empty for nearly all.

    Raises:
        ModelError: `batchcls/affinity` is no JSON object.
    """
    found = {}
    text = read_info(model, OWN_ROOT).get(KEY)
    if text is not None:
        try:
            found = {str(name): str(device) for name, device in json.loads(text).items()}
        except (ValueError, AttributeError) as error:
            raise ModelError(f"rt_info {OWN_ROOT}/{KEY} is not a JSON object: {error}") from error
    for op in model.get_ops():
        info = op.get_rt_info()
        if KEY in info:
            found[op.get_friendly_name()] = _text(info[KEY])
    return found


def split(core: Core, model: Model, device: Device, explicit: Mapping[str, str]) -> Model:
    """A copy of the model in which every operation knows its device.

    Raises:
        RuntimeError: no device of the list can run some operation.
    """
    placed = dict(core.query_model(model, str(device)))
    names = device.names
    placed |= {name: where for name, where in explicit.items() if where in names}
    model = model.clone()
    for op in model.get_ops():
        where = placed.get(op.get_friendly_name())
        if where is not None:
            op.get_rt_info()[KEY] = where
    return model


def operations(model: Model) -> dict[str, int]:
    """Operations per device of a model that went through `split`; constants do not count."""
    counts: Counter[str] = Counter()
    for op in model.get_ops():
        info = op.get_rt_info()
        if KEY in info and op.get_type_name() not in _NO_WORK:
            counts[_text(info[KEY])] += 1
    return dict(sorted(counts.items()))


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
