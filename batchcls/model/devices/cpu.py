"""What this processor is, as /proc/cpuinfo tells it."""

import os
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from batchcls.errors import DeviceError

CAPS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables that keep what computes from using all of a processor; the first that is set counts."""


@cache
def facts() -> dict[str, str]:
    """Key → value of the first processor; empty where there is no such file."""
    try:
        text = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def flags() -> frozenset[str]:
    """What it can do, in the kernel's words; empty where that is unknown."""
    return frozenset(facts().get("flags", facts().get("Features", "")).split())


def has(unit: str) -> bool:
    """It has units for "bf16", or for 8-bit integers ("vnni"), and nothing keeps it from their use.

    The one place that says so. With one of `CAPS` the answer is no: what that leaves of a processor
    is not looked into.
    """
    if any(os.environ.get(name) for name in CAPS):
        return False
    return any(unit in flag for flag in flags())


def require_avx2(there: Collection[str], version: Callable[[], str]) -> None:
    """Refuse a processor on which OpenVINO's CPU plugin would die of an illegal instruction.

    Its release notes: from 2026.4 on AVX2 is the least that it takes.

    Args:
        there: the kernel's words for what the processor can do.
        version: of OpenVINO, which must not be imported for that.

    Raises:
        DeviceError: with the line that helps.
    """
    if "sse2" not in there or "avx2" in there:  # only x86 has the former
        return
    year, minor = [*version().split("."), "0", "0"][:2]
    if (int(year), int(minor)) >= (2026, 4):
        raise DeviceError(
            f"this processor has no AVX2, which OpenVINO {version()} needs; "
            "install an older one: pip install 'openvino<2026.4'"
        )


def title() -> str:
    """For people: its name, its widest vector units, and what keeps them from being used."""
    there = flags()
    units = "AVX-512" if "avx512f" in there else "AVX2" if "avx2" in there else ""
    if cap := next((f"{os.environ[name]} by {name}" for name in CAPS if os.environ.get(name)), ""):
        units = f"{units}, limited to {cap}" if units else f"limited to {cap}"
    name = facts().get("model name", "") or "an unknown processor"
    return f"{name} ({units})" if units else name
