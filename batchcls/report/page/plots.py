"""Draws a report's plots as inline SVG. Pure.

Stretched to any width, so text stands in HTML around them, and lines keep their width
(`vector-effect`). A page without scripts shows what a bar says where a pointer rests on it (title).
"""

from collections.abc import Sequence
from math import ceil, log10

from batchcls.display import text
from batchcls.report.page.html import tag

HEIGHT = 100.0
GAP = 0.14
"""Share of a bar's width."""


def throughput(steps: Sequence[tuple[float, float, bool]]) -> str:
    """Images/s as the work went on; see `pace.rates`."""
    *bars, (total, _, _) = steps
    most = nice(max(rate for _, rate, _ in bars))
    parts = []
    for (start, rate, begins), (end, _, _) in zip(bars, steps[1:], strict=True):
        x, width = 1000 * start / total, 1000 * (end - start) / total
        height = HEIGHT * rate / most
        hint = f"{text.duration(start)}: {text.rate(rate)} images/s"
        parts.append(_bar(x, max(width * (1 - GAP), 0.5), height, hint, "bar"))
        if begins and start:
            parts.append(_line(x, 0, x, HEIGHT, "resumed"))
    middle = text.duration(total / 2)
    return figure(
        "".join(parts), (short(most), short(most / 2), "0"),
        ("0", middle, text.duration(total)), "images/s as the work went on",
    )  # fmt: skip


def histogram(counts: Sequence[int], name: str) -> str:
    """Images by score, bins of equal width from 0 to 1."""
    most, step = max(nice(max(counts)), 1), 1000 / len(counts)
    parts = []
    for n, count in enumerate(counts):
        low, high = n / len(counts), (n + 1) / len(counts)
        hint = f"{low:.2f} to {high:.2f}: {text.counted(count, 'image', 'images')}"
        parts.append(_bar(n * step, step * (1 - GAP), HEIGHT * count / most, hint, "bar"))
    up = short(most), short(most / 2), "0"
    return figure("".join(parts), up, ("0", "0.5", "1"), name)


def reliability(bins: Sequence[tuple[int, float, int]]) -> str:
    """How often answers of a score are right; the diagonal is what scores promise.

    Args:
        bins: images, the sum of their scores, and how many are right.
    """
    step = 1000 / len(bins)
    parts = []
    for n, (count, scores, right) in enumerate(bins):
        if not count:
            continue
        hint = (
            f"score {scores / count:.2f}: {right / count:.0%} right of "
            f"{text.counted(count, 'image', 'images')}"
        )
        parts.append(_bar(n * step, step * (1 - GAP), HEIGHT * right / count, hint, "bar"))
    parts.append(_line(0, HEIGHT, 1000, 0, "ideal"))
    return figure("".join(parts), ("100%", "50%", "0"), ("0", "0.5", "1"), "right answers by score")


def share(part: float, css: str = "bar") -> str:
    """A bar in a cell of a table, of a share from 0 to 1."""
    bar = f'<rect class="{css}" width="{100 * min(max(part, 0.0), 1.0):.2f}" height="6"/>'
    return f'<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none">{bar}</svg>'


def figure(drawn: str, left: Sequence[str], below: Sequence[str], name: str) -> str:
    """A drawing of 1000 by 100 with what its axes say."""
    grid = "".join(_line(0, y, 1000, y, "grid") for y in (0.0, HEIGHT / 2, HEIGHT))
    svg = (
        f'<svg role="img" viewBox="0 0 1000 {HEIGHT:g}" preserveAspectRatio="none">'
        f"{tag('title', name)}{grid}{drawn}</svg>"
    )
    up = "".join(tag("span", word) for word in left)
    across = "".join(tag("span", word) for word in below)
    return (
        f'<div class="plot"><div class="up">{up}</div>{svg}<div class="across">{across}</div></div>'
    )


def nice(value: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten.

    >>> nice(83.0), nice(2.3)
    (100.0, 2.5)
    """
    if value <= 0:
        return 1.0
    power: float = 10.0 ** ceil(log10(value) - 1)
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= value), 10 * power)


def short(value: float) -> str:
    """A count on an axis: 950 · 12k · 2.5M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _bar(x: float, width: float, height: float, hint: str, css: str) -> str:
    return (
        f'<rect class="{css}" x="{x:.2f}" y="{HEIGHT - height:.2f}" width="{width:.2f}" '
        f'height="{max(height, 0.0):.2f}">{tag("title", hint)}</rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line class="{css}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'
