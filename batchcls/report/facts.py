"""What was run, from what a run keeps beside its results: in pairs of a term and what it was."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchcls.display import text
from batchcls.errors import BatchclsError
from batchcls.report.pictures import manifest_of
from batchcls.results import echoes, pace
from batchcls.results.manifest import VERSION_KEY, Manifest
from batchcls.results.rundir import RunPaths

MOST_BYTES = 4 << 20
STEPS = 96
"""Bars of the plot of throughput."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A run, for people.

    Attributes:
        title: what was labelled, in a word or two.
        pairs: what was run.
        warnings: what the last session said.
        summary: what came of the last session; empty where nothing says so.
        throughput: seconds of work, images/s from there on, whether a session begins there.
        began: seconds since the epoch; 0 where nothing says so.
        ended: see `began`.
        expected: lines that there will be; None where nothing says so.
    """

    title: str
    pairs: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    summary: Mapping[str, Any] | None = None
    throughput: tuple[tuple[float, float, bool], ...] = ()
    began: float = 0.0
    ended: float = 0.0
    expected: int | None = None


def facts_of(results: Path) -> Facts:
    """What is known of the run that made these results."""
    manifest, _ = manifest_of(results)
    if manifest is None:
        return Facts(results.name)
    try:
        paths = RunPaths.find(str(results))
    except BatchclsError:
        return Facts(results.name)
    summary = _json(paths.summary)
    moments = pace.read(paths.pace)
    names = [Path(source.removeprefix("@")).name or source for source in manifest.sources]
    return Facts(
        title=", ".join(names[:3]) + (" …" if len(names) > 3 else "") or results.name,
        pairs=tuple(_pairs(manifest, summary)),
        warnings=tuple(str(one) for one in summary.get("warnings") or ()),
        summary=summary,
        throughput=tuple(pace.rates(moments, STEPS)),
        began=moments[0].at if moments else 0.0,
        ended=moments[-1].at if moments else 0.0,
        expected=len(manifest.lines),
    )


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError), path.open("rb") as file:
        found = json.loads(file.read(MOST_BYTES))
        if isinstance(found, dict):
            return found
    return {}


def _pairs(manifest: Manifest, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    job, print_ = _mapping(manifest.settings.get("job")), manifest.fingerprint
    pairs = [("model", str(job.get("model") or "built-in photo-quality model"))]
    if known := print_.get("model"):
        pairs.append(("model's SHA-256", str(known)[:16]))
    pairs.append(("sources", ", ".join(manifest.sources)))
    pairs.append(("images", f"{manifest.count:,}"))
    if manifest.shard is not None:
        pairs.append(("shard", manifest.shard))
    pairs.append(("devices", ", ".join(map(str, print_.get("devices") or ()))))
    precision = _mapping(summary.get("precision"))
    pairs.append(("precision", ", ".join(f"{k} {v}" for k, v in precision.items())))
    pairs.append(("preprocessing", _preprocessing(print_)))
    pairs.append(("classes in a line", str(print_.get("top") or "")))
    pairs += [("echo", _echo(echo)) for echo in echoes.recorded(manifest.settings)]
    pairs += [("checked", str(sentence)) for sentence in summary.get("agreed") or ()]
    versions = {
        "batchcls": print_.get(VERSION_KEY),
        **{k.removeprefix("version."): v for k, v in print_.items() if k.startswith("version.")},
    }
    pairs.append(
        ("versions", ", ".join(f"{k} {str(v).split('-')[0]}" for k, v in versions.items()))
    )
    pairs.append(("run", f"{manifest.run[:12]}, generation {manifest.generation}"))
    return [(term, what) for term, what in pairs if what]


def _echo(echo: echoes.Echo) -> str:
    heard = ", ".join(f"{device} {value}" for device, value in echo.devices.items())
    since = f" from image {echo.index:,} on" if echo.index else ""
    return f"{heard}: {echo.processor}{since}"


def _preprocessing(print_: Mapping[str, Any]) -> str:
    def said(name: str) -> Any:
        return print_.get(f"preprocess.{name}")

    if said("width") is None:
        return ""
    parts = [f"{said('width')}x{said('height')}", said("resize_type"), said("interpolation")]
    parts.append("RGB" if said("reverse_input_channels") else "BGR")
    means, scales = said("mean_values"), said("scale_values")
    parts += [f"mean {means}" if means else "", f"scale {scales}" if scales else ""]
    return ", ".join(str(part) for part in parts if part)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def moment(seconds: float) -> str:
    """A moment as people here write it."""
    return time.strftime("%d %b %Y, %H:%M", time.localtime(seconds)).lstrip("0")


def lasted(facts: Facts) -> str:
    """How long the work took, in words; empty where nothing says so."""
    if facts.throughput:
        return text.duration(facts.throughput[-1][0])
    wall = _mapping(facts.summary).get("wall_s")
    return text.duration(float(wall)) if isinstance(wall, int | float) else ""
