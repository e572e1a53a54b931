"""A line behind the mark: every changed byte is noticed, but for what only the image tells."""

import re
from dataclasses import replace

import pytest

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.results import record
from batchcls.results.expected_line import ExpectedLine

NAMES = ("Egyptian cat", "tabby", "dög", "sports car")
IMAGE = ImageRef(7, "sub/a b.jpg")
TOP = (Prediction(1, "tabby", 0.75), Prediction(2, "dög", 0.25), Prediction(0, NAMES[0], 0.25))
FACTS = {"margin": 0.5, "width": 640}
KNOWN = ExpectedLine(len(NAMES), NAMES, top=3, probabilities=True, facts=tuple(FACTS))
LINE = record.ok_line(IMAGE, TOP, FACTS)
FAILED = record.failure_line(IMAGE, Failure("truncated", "the file ends early"))


def accepted(line: bytes, known: ExpectedLine = KNOWN) -> set[bytes]:
    """Lines that differ in one byte and are taken."""
    changed = (
        line[:place] + bytes([value]) + line[place + 1 :]
        for place in range(len(line))
        for value in range(ord(" "), 127)
        if value != line[place]
    )
    return {one for one in changed if known.fits(one, IMAGE)}


def masked(line: bytes) -> bytes:
    """Without what only the image can tell."""
    line = re.sub(rb'("score":|"margin":|"width":)[-0-9.]+', rb"\1", line)
    return re.sub(rb'"message":"[^"]+"', b'"message":', line)


@pytest.mark.parametrize("line", [LINE, FAILED], ids=["answer", "failure"])
def test_every_changed_byte_is_noticed_but_in_scores_facts_and_messages(line: bytes) -> None:
    assert KNOWN.fits(line, IMAGE)
    taken = accepted(line)
    assert taken, "digits cannot be known"
    assert {masked(one) for one in taken} == {masked(line)}


def test_scores_fall_and_are_probabilities() -> None:
    scores = [[float(x) for x in re.findall(rb'"score":([0-9.]+)', one)] for one in accepted(LINE)]
    assert all(s == sorted(s, reverse=True) and s[0] <= 1 for s in scores)


@pytest.mark.parametrize(
    ("line", "image"),
    [
        (LINE, IMAGE._replace(index=8)),
        (LINE, IMAGE._replace(path="sub/a_b.jpg")),
        (FAILED, IMAGE._replace(path="sub/a_b.jpg")),
        (record.ok_line(IMAGE, TOP[:2], FACTS), IMAGE),
        (record.ok_line(IMAGE, (*TOP, Prediction(3, NAMES[3], 0.0)), FACTS), IMAGE),
        (record.ok_line(IMAGE, (TOP[0], TOP[0], TOP[1]), FACTS), IMAGE),
        (record.ok_line(IMAGE, (*TOP[:2], Prediction(4, "lion", 0.1)), FACTS), IMAGE),
        (record.ok_line(IMAGE, TOP, {"width": 640}), IMAGE),
        (record.ok_line(IMAGE, TOP, {**FACTS, "height": 480}), IMAGE),
        (b"", IMAGE),
    ],
)
def test_what_cannot_be_the_line_of_this_image(line: bytes, image: ImageRef) -> None:
    assert not KNOWN.fits(line, image)


def test_a_multi_label_answer_has_what_is_above_the_threshold() -> None:
    known = replace(KNOWN, threshold=0.25)
    for count in range(4):
        assert known.fits(record.ok_line(IMAGE, TOP[:count], FACTS), IMAGE)
    assert not replace(KNOWN, threshold=0.3).fits(LINE, IMAGE)


def test_names_that_are_not_known_are_taken_as_they_are() -> None:
    known = replace(KNOWN, names=())
    assert known.fits(LINE, IMAGE)
    assert any(b'"tobby"' in one for one in accepted(LINE, known))


ALWAYS = (Prediction(1, "tabby", 0.75), Prediction(2, "dög", 0.25))


def test_what_is_always_written_is_known_but_for_its_scores() -> None:
    known = replace(KNOWN, always=(1, 2))
    line = record.ok_line(IMAGE, TOP, FACTS, ALWAYS)
    assert not KNOWN.fits(line, IMAGE)
    assert not known.fits(LINE, IMAGE)
    assert {masked(one) for one in accepted(line, known)} == {masked(line)}


@pytest.mark.parametrize("always", [ALWAYS[:1], ALWAYS[::-1], (*ALWAYS, TOP[2])])
def test_others_are_not(always: tuple[Prediction, ...]) -> None:
    line = record.ok_line(IMAGE, TOP, FACTS, always)
    assert not replace(KNOWN, always=(1, 2)).fits(line, IMAGE)


def test_only_classes_that_count_are_in_a_line() -> None:
    known = replace(KNOWN, chosen=frozenset({0, 1, 2}))
    assert known.fits(LINE, IMAGE)
    assert not replace(KNOWN, chosen=frozenset({1, 2, 3})).fits(LINE, IMAGE)


def test_the_manifest_says_all_it_takes() -> None:
    labels = {"count": 4, "names": NAMES}
    known = {"top": 0, "threshold": None, "activation": "softmax", "with": ["margin"]}
    assert ExpectedLine.of(known, labels) == ExpectedLine(
        4, NAMES, top=4, probabilities=True, facts=["margin"]
    )
    assert ExpectedLine.of({**known, "top": 9}, labels).top == 4
    chosen = ExpectedLine.of(known, {**labels, "classes": [0, 3], "always": [3]})
    assert (chosen.top, chosen.chosen, chosen.always) == (2, frozenset({0, 3}), [3])
