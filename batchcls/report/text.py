"""Renders an evaluation as sentences and tables. Pure."""

from batchcls.display.table import aligned
from batchcls.display.text import counted
from batchcls.report.evaluate import DEEP, Evaluation

FEW_CLASSES = 20
SHOWN = 10
FEW_NAMES = 3
LONGEST = 44


def lines(evaluation: Evaluation, *, complete: bool) -> str:
    """An evaluation for people.

    Args:
        complete: whether that file is; if not, the text says so.
    """
    parts = [_headline(evaluation, complete), _accuracy(evaluation)]
    parts += [_classes(evaluation)]
    if evaluation.confused:
        parts.append(_confused(evaluation))
    return "\n\n".join(parts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _headline(found: Evaluation, complete: bool) -> str:
    known = counted(found.counted, "image has", "images have")
    sentences = [f"{known} a known class; {found.note}."]
    if not complete:
        sentences.append("The run is not complete; these are its results so far.")
    if found.without_truth:
        unknown = counted(found.without_truth, "more image has", "more images have")
        sentences.append(f"{unknown} no known class and did not count.")
    if found.unknown:
        sentences.append(_unknown(found))
    if found.failed:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in found.failed.items())
        failed = counted(sum(found.failed.values()), "image", "images")
        sentences.append(f"{failed} failed ({kinds}) and counted as wrong.")
    return "\n".join(sentences)


def _unknown(found: Evaluation) -> str:
    images = counted(sum(found.unknown.values()), "image is", "images are")
    names = ", ".join([*found.unknown][:FEW_NAMES])
    more = " …" if len(found.unknown) > FEW_NAMES else ""
    if found.unknown_counted:
        return f"{images} of classes that no answer names ({names}{more}) and counted as wrong."
    return f"{images} of classes that the model does not have ({names}{more}) and did not count."


def _accuracy(found: Evaluation) -> str:
    low, high = found.interval
    deep = f"top-{DEEP}" if found.depth == DEEP else f"top-{found.depth} (no more were recorded)"
    interval = f"95% interval {100 * low:.1f} to {100 * high:.1f}%"
    of_all = f"of {found.counted:,}"
    rows = [
        ("top-1", _percent(found.share(found.top1)), f"{found.top1:,} {of_all}; {interval}"),
        (deep, _percent(found.share(found.top5)), f"{found.top5:,} {of_all}"),
    ]
    error = found.calibration_error
    if error is None:
        rows.append(("calibration", "-", "not available: scores are not probabilities"))
    else:
        rows.append(("calibration", f"{error:.3f}", "expected calibration error, 15 bins"))
    return aligned(rows, right=(1,))


def _classes(found: Evaluation) -> str:
    entries = list(found.classes.items())
    few = len(entries) <= FEW_CLASSES
    shown = entries if few else entries[:SHOWN]
    rows = [("class" if few else f"the {SHOWN} worst classes", "images", "top-1", "top-5")]
    rows += [
        (name, f"{c.images:,}", _percent(c.top1 / c.images), _percent(c.top5 / c.images))
        for name, c in shown
    ]
    text = aligned(rows, right=(1, 2, 3), most=LONGEST)
    if not few:
        perfect = sum(c.top1 == c.images for c in found.classes.values())
        text += f"\n… of {len(entries):,} classes; {perfect:,} are always right"
    return text


def _confused(found: Evaluation) -> str:
    rows = [("most confused: truth", "predicted", "images")]
    rows += [(truth, predicted, f"{n:,}") for truth, predicted, n in found.confused[:SHOWN]]
    return aligned(rows, right=(2,), most=LONGEST)
