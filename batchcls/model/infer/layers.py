"""Where inference time goes: per-layer counters of a compiled model, over all of its requests.

OpenVINO's counters are running means over every request of a compiled model, and each request
shows the same ones. So they are read once, at the end, and multiplied by the number of requests.
"""

from collections.abc import Iterable
from typing import Any

from batchcls.messages import LayerTime


def layer_times(device: str, profile: Iterable[Any], requests: int) -> list[LayerTime]:
    """Times of one compiled model's layers, in the order of execution.

    Args:
        device: the device string, as the rows name it.
        profile: `profiling_info` of any of its requests.
        requests: how many it has answered.
    """
    return [
        LayerTime(
            device,
            layer.node_name,
            layer.node_type,
            layer.exec_type,
            layer.status.name.lower(),
            layer.real_time.total_seconds() * 1000 * requests,
            layer.cpu_time.total_seconds() * 1000 * requests,
            requests,
        )
        for layer in profile
    ]
