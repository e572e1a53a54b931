"""The tensors of EfficientNet-Lite0, with weights made up: what `network.build` takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCKS = (
    # kernel, repeats, channels in, expanded by, channels out
    (3, 1, 32, 1, 16),
    (3, 2, 16, 6, 24),
    (5, 2, 24, 6, 40),
    (3, 3, 40, 6, 80),
    (5, 3, 80, 6, 112),
    (5, 4, 112, 6, 192),
    (3, 1, 192, 6, 320),
)


def tensors(seed: int = 0) -> dict[str, NDArray[Any]]:
    """By name, float32; the variances are positive."""
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray[Any]] = {}

    def add(name: str, *shape: int) -> None:
        found[name] = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    def normal(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{part}"] = rng.uniform(0.5, 1.5, channels).astype(np.float32)

    add("_conv_stem.weight", 32, 3, 3, 3)
    normal("_bn0", 32)
    number = 0
    for kernel, repeats, first, expanded, out in BLOCKS:
        for repeat in range(repeats):
            name, into = f"_blocks.{number}.", out if repeat else first
            wide = into * expanded
            if expanded > 1:
                add(name + "_expand_conv.weight", wide, into, 1, 1)
                normal(name + "_bn0", wide)
            add(name + "_depthwise_conv.weight", wide, 1, kernel, kernel)
            normal(name + "_bn1", wide)
            add(name + "_project_conv.weight", out, wide, 1, 1)
            normal(name + "_bn2", out)
            number += 1
    add("_conv_head.weight", 1280, 320, 1, 1)
    normal("_bn1", 1280)
    add("_fc.weight", 1000, 1280)
    add("_fc.bias", 1000)
    return found
