"""What the suite says of its figures: lines of a Markdown table, met or missed. Pure."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Round = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        what: that was measured.
        to_reach: in words.
        figure: in words, with its unit and range.
        met: None where there is no verdict.
    """

    what: str
    to_reach: str
    figure: str
    met: bool | None


def middle(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return statistics.median(values) if values else 0.0


def values(rounds: Sequence[Round], key: str) -> list[float]:
    """A figure of all rounds that have it."""
    return [one[key] for one in rounds if one.get(key)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range, such as "0.96 (0.94-0.98)"."""
    if not values:
        return "nothing measured"
    shown = [f"{value:,.{digits}f}" for value in (middle(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]}-{shown[2]})" if len(values) > 1 else shown[0]


def ratios(
    ours: Sequence[Round], theirs: Sequence[Round], key: str, other: str = ""
) -> list[float]:
    """Ours over theirs, round by round; rounds without the figure are left out."""
    pairs = zip(ours, theirs, strict=False)
    return [a[key] / b[other or key] for a, b in pairs if a.get(key) and b.get(other or key)]


def best_peer(
    found: Mapping[str, Sequence[Round]], peers: Sequence[str], key: str
) -> tuple[str, list[Round]]:
    """The fastest peer in each round, as if it were one; and its name, of the fastest over all."""
    have = [name for name in peers if found.get(name)]
    if not have:
        return "no peer", []
    name = max(have, key=lambda one: middle(values(found[one], key)))
    rounds = min(len(found[one]) for one in have)
    return name, [{key: max(found[p][n].get(key) or 0.0 for p in have)} for n in range(rounds)]


def at_least(limit: float) -> Callable[[float], bool]:
    """For `judged`."""
    return lambda value: value >= limit


def at_most(limit: float) -> Callable[[float], bool]:
    """For `judged`."""
    return lambda value: value <= limit


def below(limit: float) -> Callable[[float], bool]:
    """For `judged`."""
    return lambda value: value < limit


def judged(
    what: str,
    to_reach: str,
    values: Sequence[float],
    met: Callable[[float], bool] | None,
    said: str = "{}",
    digits: int = 2,
) -> Line:
    """A line whose verdict is that of the median.

    Args:
        what: that was measured.
        to_reach: in words.
        values: one per round.
        met: whether a median is good enough; None = no verdict.
        said: the figure's words around "{}".
        digits: behind the point.
    """
    figure = said.format(spread(values, digits))
    return Line(what, to_reach, figure, met(middle(values)) if met and values else None)


def markdown(lines: Sequence[Line]) -> str:
    """The table."""
    verdicts = {True: "met", False: "**missed**", None: "-"}
    rows = [(one.what, one.to_reach, one.figure, verdicts[one.met]) for one in lines]
    head = ("what", "to reach", "reached", "")
    text = ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|---|---|---|---|", *text])
