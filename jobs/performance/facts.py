"""What the figures were measured on: machine, versions, load."""

import datetime as dt
import os
import subprocess
from importlib import metadata
from pathlib import Path


def facts(root: Path) -> dict[str, str]:
    """Of this machine and this moment, in words."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields: dict[str, str] = {}
    for line in cpu.splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    instructions = [one for one in ("avx512_bf16", "avx512_vnni", "avx2") if one in fields["flags"]]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    revision = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty"],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    packages = ("openvino", "opencv-python", "opencv-python-headless", "numpy", "onnxruntime")
    versions = []
    for name in packages:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    model = f"family {fields.get('cpu family')}, model {fields.get('model')}"
    return {
        "machine": f"{len(os.sched_getaffinity(0))} cores of an {fields['model name']} ({model}, "
        f"{', '.join(instructions)}), {memory:.0f} GB",
        "versions": ", ".join(versions),
        "revision": revision.stdout.strip() or "?",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def load() -> float:
    """Processes that wanted a core in the last minute, on average."""
    return os.getloadavg()[0]
