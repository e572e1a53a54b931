"""Says what a listing left out by its name, what sounds like pictures first."""

from collections.abc import Mapping

from batchcls.job.job import RAW_NAMES
from batchcls.sources.containers.kinds import COMPRESSED, advice

RAW = frozenset(pattern[1:] for pattern in RAW_NAMES)
PICTURES = RAW | {
    ".jxl", ".psd", ".svg", ".pdf", ".dcm", ".ppm", ".pgm", ".exr", ".hdr", ".ico",
}  # fmt: skip
"""Endings of pictures that are not read: named first among what is left out."""
NAMED_FIRST = PICTURES | COMPRESSED.keys()
MOST_SHOWN = 6


def render_left_out(left_out: Mapping[str, int], *, excluding: bool) -> str:
    """What was left out by name, in a sentence; empty if nothing was.

    Args:
        left_out: see `Notes.left_out`.
        excluding: the job leaves names out that it would take otherwise.
    """
    files = {name: count for name, count in left_out.items() if not name.endswith("/")}
    options = ["`--raw`"] * bool(RAW.intersection(files)) + ["`--names`"]
    see = " and ".join(options + ["`--exclude`"] * excluding)
    folders = {name: count for name, count in left_out.items() if name.endswith("/")}
    parts = []
    if files:
        parts.append(f"left out by name: {_most(files, 'without an ending')} (see {see})")
    if folders:
        parts.append(f"folders left out: {_most(folders, '')}")
    parts += [advice(ending) for ending in files if ending in COMPRESSED][:1]
    return "; ".join(parts)


def _most(counts: Mapping[str, int], unnamed: str) -> str:
    """The largest counts, those that sound like pictures first."""
    ranked = sorted(counts, key=lambda name: (name not in NAMED_FIRST, -counts[name], name))
    shown = [f"{counts[name]:,} {name or unnamed}" for name in ranked[:MOST_SHOWN]]
    more = sum(counts[name] for name in ranked[MOST_SHOWN:])
    return ", ".join([*shown, f"{more:,} more"] if more else shown)
