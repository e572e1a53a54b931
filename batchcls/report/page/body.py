"""Writes what a report says in words, tables and plots: all that a page without scripts shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchcls.decode.decoders import cure
from batchcls.display import text
from batchcls.report.cures import CURES
from batchcls.report.evaluate import Evaluation
from batchcls.report.facts import Facts, lasted, moment
from batchcls.report.page import plots, truth
from batchcls.report.page.html import code, escaped, raw, table, tag
from batchcls.report.sample import Sample

CLASSES_SHOWN = 60
WARNINGS_SHOWN = 8


@dataclass(slots=True)
class Group:
    """Images that are shown together.

    Attributes:
        id: of the element that the script puts them into.
        title: of a group among others; else empty.
        images: indices.
    """

    id: str
    images: list[int]
    title: str = ""


@dataclass(slots=True)
class Contents:
    """What a report is made of.

    Attributes:
        results: name of the file.
        complete: it is whole.
        where: the filter, as it was given; empty for all images.
        sections: groups of pictures by section.
        notes: what a reader should know of a section's pictures.
    """

    results: str
    facts: Facts
    sample: Sample
    complete: bool = True
    where: str = ""
    evaluation: Evaluation | None = None
    sections: dict[str, list[Group]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    pictures: int = 0
    without_room: int = 0

    @property
    def failed(self) -> int:
        """Images without an answer."""
        return self.sample.failed.total()


def body(contents: Contents) -> str:
    """All of a report's page but its script and style."""
    parts = [
        ("summary", "Summary", _summary(contents)),
        ("truth", "Right and wrong", truth.section(contents.evaluation)),
        ("wrong", "Wrong answers", ""),
        ("unsure", "Unsure", ""),
        ("classes", "Classes", _classes(contents)),
        ("sure", "Sure", ""),
        ("failed", "Failed", _failed(contents)),
        ("alike", "Alike", ""),
        ("run", "What was run", _run(contents)),
    ]
    shown = [(key, name, html) for key, name, html in parts if html or contents.sections.get(key)]
    links = "".join(f'<a href="#{key}">{escaped(name)}</a>' for key, name, _ in shown)
    sections = "".join(
        f'<section id="{key}">{tag("h2", name)}{html}{_groups(contents, key)}</section>'
        for key, name, html in shown
    )
    return (
        f"{_header(contents)}<nav><div>{links}</div>{CONTROLS}</nav>"
        f"<main>{sections}</main>{_footer(contents)}{DIALOGS}"
    )


CONTROLS = (
    '<span class="controls"><input id="find" type="search" placeholder="Find a class or path" '
    'aria-label="Find a class or path" hidden><button id="help" type="button" '
    'title="Keys (?)" hidden>?</button><button id="theme" type="button" '
    'title="Light or dark (t)" hidden>◐</button></span>'
)
DIALOGS = '<dialog id="look"></dialog><dialog id="keys"></dialog>'


def _header(contents: Contents) -> str:
    facts = contents.facts
    about = dict(facts.pairs)
    model, devices = about.get("model", "").rpartition("/")[2], about.get("devices", "")
    words = [" on ".join(filter(None, (model, devices)))] if model else []
    if facts.began:
        words.append(f"{moment(facts.began)} to {moment(facts.ended)}")
    words.append(contents.results)
    notes = ""
    if not contents.complete:
        left = "" if facts.expected is None else f" of {facts.expected:,}"
        notes += tag(
            "p", f"The run is not complete: {contents.sample.images:,}{left} images.", "note"
        )
    if contents.where:
        notes += raw("p", f"Only images where {tag('code', contents.where)}.", "note")
    return (
        f'<header><p class="brand">batchcls report</p>{tag("h1", facts.title)}'
        f"{tag('p', ' · '.join(words), 'about')}{notes}</header>"
    )


def _summary(contents: Contents) -> str:
    sample, facts = contents.sample, contents.facts
    answered = sample.images - contents.failed
    figures = [("images", f"{sample.images:,}"), ("labelled", f"{answered:,}")]
    figures.append(("failed", f"{contents.failed:,}"))
    figures.append(("classes found", f"{len(sample.classes):,}"))
    summary: Any = facts.summary or {}
    fps = summary.get("fps")
    if isinstance(fps, int | float) and fps:
        figures.append(("images/s", text.rate(fps)))
    if took := lasted(facts):
        figures.append(("of work", took))
    tiles = "".join(
        raw("div", tag("dd", value) + tag("dt", name), "bad" if name == "failed" and contents.failed
            else "")
        for name, value in figures
    )  # fmt: skip
    drawn = ""
    if len(facts.throughput) > 2:
        drawn += raw("figure", tag("figcaption", "Throughput: images/s as the work went on")
                     + plots.throughput(facts.throughput))  # fmt: skip
    if sample.probable and any(sample.scores):
        drawn += raw("figure", tag("figcaption", "How sure the answers are: images by best score")
                     + plots.histogram(sample.scores, "images by best score"))  # fmt: skip
    why = summary.get("why")
    bottleneck = raw("p", tag("strong", "Bottleneck ") + code(str(why))) if why else ""
    return raw("dl", tiles, "figures") + raw("div", drawn, "plots") + bottleneck + _warnings(facts)


def _warnings(facts: Facts) -> str:
    shown = facts.warnings[:WARNINGS_SHOWN]
    return raw("ul", "".join(raw("li", code(one)) for one in shown), "warnings") if shown else ""


def _classes(contents: Contents) -> str:
    sample = contents.sample
    entries = sample.by_frequency()
    if not entries:
        return ""
    most = entries[0][1].images
    rows = [
        [
            tag("span", label, "name"),
            f"{found.images:,}",
            plots.share(found.images / most),
            text.percent(found.images / sample.images),
            f"{found.scores / found.images:.2f}",
        ]
        for label, found in entries[:CLASSES_SHOWN]
    ]
    listed = table(["best class", "images", "", "share", "mean score"], rows, "classes")
    rest = entries[CLASSES_SHOWN:]
    more = sum(found.images for _, found in rest) + sample.others
    words = []
    if rest:
        words.append(f"{text.counted(len(rest), 'more class has', 'more classes have')} "
                     f"{text.counted(more, 'image', 'images')}.")  # fmt: skip
    if sample.unanswered:
        words.append(f"{text.counted(sample.unanswered, 'image has', 'images have')} no class "
                     "above the threshold.")  # fmt: skip
    return raw("div", listed, "scroll") + (tag("p", " ".join(words), "quiet") if words else "")


def _failed(contents: Contents) -> str:
    failed = contents.sample.failed
    if not failed:
        return ""
    rows = []
    for kind, count in failed.most_common():
        means, cured = CURES.get(kind, ("", ""))  # type: ignore[call-overload]  # any text
        if kind == "no_decoder":
            cured = cure(count, raw=True).partition(": ")[2]
        rows.append([tag("code", kind), f"{count:,}", escaped(means), code(cured)])
    return raw("div", table(["kind", "images", "the image", "what helps"], rows, "kinds"), "scroll")


def _run(contents: Contents) -> str:
    pairs = "".join(
        raw("div", tag("dt", term) + tag("dd", what)) for term, what in contents.facts.pairs
    )
    if not pairs:
        return tag("p", "Nothing beside the results says what made them.", "quiet")
    return raw("dl", pairs, "pairs")


def _groups(contents: Contents, section: str) -> str:
    parts = []
    for group in contents.sections.get(section, []):
        title = tag("h3", group.title) if group.title else ""
        parts.append(f'{title}<div class="grid" id="{group.id}"></div>')
    if parts:
        parts.insert(0, raw("p", code(contents.notes[section]), "quiet"))
        parts.append("<noscript><p>The pictures need JavaScript; this page loads nothing from "
                     "anywhere.</p></noscript>")  # fmt: skip
    return "".join(parts)


def _footer(contents: Contents) -> str:
    sizes, left_out = contents.sample.sizes, contents.without_room
    no_room = f"For {left_out:,} of them the page has no room. " if left_out else ""
    return raw(
        "footer",
        tag(
            "p",
            f"Counts and plots are of all {contents.sample.images:,} images. Pictures are of "
            f"{contents.pictures:,}: the {sizes.unsure:,} with the smallest margin; of each of the "
            f"{sizes.classes} most frequent classes {sizes.of_class} chosen at random and the "
            f"surest; of each kind of failure {sizes.failed} at random. {no_room}At random "
            "means by a hash of an image's index, so the same results give the same report.",
        )
        + raw(
            "p",
            code("The margin is the best score minus the second, or what `--with margin` noted."),
        ),
    )
