"""The figures as the table that was asked for, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.parity.cases import Case
from jobs.parity.measure import SHARE, Sum, total
from jobs.parity.quantised import Answers
from jobs.parity.tensors import DECODING

Sums = Mapping[str, Sum]
SHOWN = 6


def table(
    cases: Sequence[Case], photos: Sums, generated: Sums, answers: Sequence[Answers]
) -> tuple[str, bool]:
    """(Markdown, a limit was missed)."""
    lines = [
        "## Limits",
        "",
        "| measure | to reach | photographs | generated pictures | |",
        "|---|---|---|---|---|",
    ]
    missed = False
    for family in dict.fromkeys(case.family for case in cases):
        members = [case for case in cases if case.family == family]
        judged = any(case.judged for case in members)
        keys = [case.key for case in members if case.judged or not judged]
        sums = [total(each[key] for key in keys) for each in (photos, generated)]
        worst = min(each[key].share for key in keys for each in (photos, generated))
        reached = all(each[key].reached for key in keys for each in (photos, generated))
        missed |= judged and not reached
        lines.append(
            f"| tensor, {family} ({len(keys)} cases; worst case {_percent(worst)}) "
            f"| within 1 step on 99.9 % | {_figures(sums[0])} | {_figures(sums[1])} "
            f"| {_verdict(reached) if judged else 'for information'} |"
        )
    for each in answers:
        rows, bad = each.rows()
        missed |= bad
        lines += rows
    lines += ["", "## Cases", "", "| case | photographs | generated pictures |", "|---|---|---|"]
    aside = {case.key for case in cases if not case.judged}
    for key in [DECODING, *(case.key for case in cases)]:
        name = f"{key} (for information)" if key in aside else key
        lines.append(f"| {name} | {_figures(photos[key])} | {_figures(generated[key])} |")
    lines += ["", "## Deviations", "", *_deviations(photos, generated)]
    return "\n".join(lines), missed


def _figures(sum_: Sum) -> str:
    equal = f"equal {100 * sum_.equal:.2f} %"
    text = f"{_percent(sum_.share)}, {equal}, largest {sum_.largest:.2f}"
    return text + (f", {len(sum_.refused)} refused" if sum_.refused else "")


def _percent(share: float) -> str:
    return f"{100 * share:.4f} %"


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def _deviations(photos: Sums, generated: Sums) -> list[str]:
    lines = []
    for words, sums in (("photographs", photos), ("generated", generated)):
        for key, sum_ in sums.items():
            if sum_.below:
                shown = "; ".join(
                    f"{d.picture} {_percent(d.share)} (largest {d.largest:.1f})"
                    for d in sum_.below[:SHOWN]
                )
                lines.append(
                    f"- {key}, {words}: {len(sum_.below)} of {len(sum_.differences)} pictures "
                    f"below {100 * SHARE:g} %: {shown}"
                )
            if sum_.refused:
                lines.append(
                    f"- {key}, {words}: {len(sum_.refused)} refused: {'; '.join(sum_.refused[:3])}"
                )
            if sum_.skipped:
                lines.append(
                    f"- {key}, {words}: the reference refuses {len(sum_.skipped)}: "
                    + "; ".join(sum_.skipped[:SHOWN])
                )
    return lines or ["none"]


def as_data(photos: Sums, generated: Sums) -> dict[str, Any]:
    """Every picture's figures, as JSON data."""
    return {
        words: {
            key: {
                "pictures": {d.picture: [d.share, d.largest] for d in sum_.differences},
                "refused": sum_.refused,
                "skipped": sum_.skipped,
            }
            for key, sum_ in sums.items()
        }
        for words, sums in (("photos", photos), ("generated", generated))
    }
