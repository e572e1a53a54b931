"""Writes how right the answers are: accuracy, confusions, calibration, and the worst classes."""

from collections import Counter

from batchcls.display import text
from batchcls.report.evaluate import DEEP, Evaluation
from batchcls.report.page import plots
from batchcls.report.page.html import escaped, raw, table, tag

MATRIX = 16
"""Classes of the confusion matrix, at most."""
ROWS = 12
LEVELS = 5
"""Shades of its cells."""


def section(found: Evaluation | None) -> str:
    """The HTML; none where no truth is known."""
    if found is None:
        return ""
    low, high = found.interval
    figures = [
        ("top-1", f"{found.share(found.top1):.1%}", f"95% interval {low:.1%} to {high:.1%}"),
        (f"top-{min(found.depth, DEEP)}", f"{found.share(found.top5):.1%}", ""),
        ("images with a known class", f"{found.counted:,}", found.note),
    ]
    if found.calibration_error is not None:
        figures.append(("calibration error", f"{found.calibration_error:.3f}", "15 bins"))
    tiles = "".join(
        raw("div", tag("dd", value) + tag("dt", name) + (tag("dd", note, "quiet") if note else ""))
        for name, value, note in figures
    )
    parts = [raw("dl", tiles, "figures"), tag("p", " ".join(_notes(found)), "quiet")]
    drawn = ""
    if found.calibration_error is not None:
        drawn = raw("figure", tag("figcaption", "Calibration: right answers by score")
                    + plots.reliability(found.bins))  # fmt: skip
    parts.append(raw("div", drawn + _worst(found), "plots"))
    if found.confused:
        parts.append(_confused(found))
    if found.confused and found.confused[0][2] > 1:
        parts.append(_matrix(found))
    return "".join(parts)


def _notes(found: Evaluation) -> list[str]:
    notes = []
    if found.without_truth:
        images = text.counted(found.without_truth, "image has", "images have")
        notes.append(f"{images} no known class and did not count.")
    if found.unknown:
        count = sum(found.unknown.values())
        ended = "counted as wrong" if found.unknown_counted else "did not count"
        images = text.counted(count, "image is", "images are")
        notes.append(f"{images} of classes that the model does not have, and {ended}.")
    if found.failed:
        images = text.counted(sum(found.failed.values()), "image", "images")
        notes.append(f"{images} failed and counted as wrong.")
    return notes


def _worst(found: Evaluation) -> str:
    entries = [(name, c) for name, c in found.classes.items() if c.top1 < c.images > 1][:ROWS]
    if not entries:
        return ""
    rows = [
        [tag("span", name, "name"), f"{c.images:,}", f"{c.top1 / c.images:.0%}",
         plots.share(c.top1 / c.images)]
        for name, c in entries
    ]  # fmt: skip
    head = ["worst classes", "images", "right", ""]
    return raw("figure", raw("div", table(head, rows, "worst"), "scroll"))


def _confused(found: Evaluation) -> str:
    rows = [
        [tag("span", truth, "name"), tag("span", said, "name"), f"{n:,}"]
        for truth, said, n in found.confused[:ROWS]
    ]
    return raw("div", table(["most confused: truth", "answer", "images"], rows, "pairs"), "scroll")


def _matrix(found: Evaluation) -> str:
    """The classes that are most confused, against each other."""
    weights: Counter[str] = Counter()
    cells: Counter[tuple[str, str]] = Counter()
    for truth, said, n in found.confused:
        cells[truth, said] += n
        weights[truth] += n
    by_truth = [name for name, _ in weights.most_common(MATRIX)]
    said_most: Counter[str] = Counter()
    for (truth, said), n in cells.items():
        if truth in by_truth:
            said_most[said] += n
    answers = [name for name, _ in said_most.most_common(MATRIX)]
    most = max(cells.values())
    head = raw("tr", "<th></th>" + "".join(f"<th>{tag('span', name)}</th>" for name in answers))
    rows = []
    for truth in by_truth:
        row = [f'<th scope="row">{tag("span", truth, "name")}</th>']
        for said in answers:
            n = cells[truth, said]
            level = -(-n * LEVELS // most)
            hint = escaped(f"{truth} taken for {said}: {n:,}")
            row.append(f'<td class="h{level}" title="{hint}">{n:,}</td>' if n else "<td></td>")
        rows.append(raw("tr", "".join(row)))
    caption = tag("caption", "Wrong answers: the true class to the left, the answer above")
    grid = raw("table", caption + raw("thead", head) + raw("tbody", "".join(rows)), "matrix")
    return raw("div", grid, "scroll")
