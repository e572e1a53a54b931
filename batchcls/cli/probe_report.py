"""Renders what a probe found, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchcls.display.table import aligned
from batchcls.display.text import counted

ROWS = 12
"""Of the table; --json has all."""


def render_trials(found: Mapping[str, Any]) -> str:
    """The ranking for people."""
    judged = bool(found["with_truth"])
    trials = found["trials"]
    shown = trials[:ROWS]
    by = "right" if judged else "bits"
    rows = [("preprocessing", by, "bits" if judged else "confidence", "int8", "ms")]
    for trial in shown:
        first = f"{trial['accuracy']:.1%}" if judged else f"{trial['bits']:.2f}"
        second = f"{trial['bits']:.2f}" if judged else f"{trial['confidence']:.3f}"
        rows.append((trial["name"], first, second, trial["int8"], f"{trial['milliseconds']:.1f}"))
    parts = [_count(found), aligned(rows, right=(1, 2, 4))]
    if len(trials) > len(shown):
        parts[1] += f"\n… and {len(trials) - len(shown)} more, none better (`--json` lists them)"
    parts += [text for text in (_quantised(trials, judged=judged), _doubt(found)) if text]
    chosen = trials[0]["flags"]
    name = trials[0]["name"] if chosen else "the preprocessing as it is"
    word = "Best" if sum(trial["level"] for trial in trials) == 1 else "Most usual of these"
    return "\n\n".join([*parts, f"{word}: {name}\n  {found['command']}"])


def _quantised(trials: Sequence[Mapping[str, Any]], *, judged: bool) -> str:
    """What the faithful computation of quantised layers costs, or the fast one loses."""
    best, *rest = trials
    other = next((t for t in rest if t["int8"] != best["int8"]), None)
    if other is None:
        return ""
    by_way = {best["int8"]: best, other["int8"]: other}
    figures = [
        f"{way} {trial['milliseconds']:.1f} ms per image, "
        + (f"{trial['accuracy']:.1%} right" if judged else f"{trial['bits']:.2f} bits")
        for way, trial in sorted(by_way.items())
    ]
    return (
        f"Quantised layers with the best preprocessing: {'; '.join(figures)}\n"
        f"The ranking is of `--int8 {best['int8']}`; `--int8 {other['int8']}` is the alternative"
    )


def _doubt(found: Mapping[str, Any]) -> str:
    """How far the ranking can be believed."""
    sentences = []
    if not found["with_truth"]:
        sentences.append(
            "Ranked by how much an answer tells about its image (bits), because neither folder "
            "names nor `--truth` say what the images show. Check some answers before you rely on "
            "it."
        )
    level = [trial["name"] for trial in found["trials"] if trial["level"]]
    if len(level) > 1:
        names = "".join(f"\n  {name}" for name in level)
        sentences.append(
            f"These cannot be told apart on {counted(found['images'], 'image', 'images')}; more "
            f"images (`--images N`) may tell:{names}"
        )
    return "\n".join(sentences)


def _count(found: Mapping[str, Any]) -> str:
    parts = [f"Tried on {counted(found['images'], 'image', 'images')}"]
    if found["with_truth"]:
        parts.append(f"the true class of {found['with_truth']:,} is known")
    if found["unreadable"]:
        parts.append(f"{found['unreadable']:,} more could not be read")
    return "; ".join(parts)
