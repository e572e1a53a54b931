"""What a job makes of what lies under its output's name: every combination, by one table."""

from dataclasses import replace
from itertools import product
from typing import Any, cast

import pytest

from batchcls.errors import RefusedError, UsageError
from batchcls.results.manifest import Manifest
from batchcls.results.mark import Mark
from batchcls.results.rundir import RunPaths
from batchcls.running.plan import (
    Again,
    Finished,
    Found,
    GoOn,
    NewGeneration,
    Plan,
    Refused,
    Request,
    plan,
    when_listed,
)

PLACES, ASKED = ["/photos"], {"top": 1}
MANIFEST = Manifest(
    inputs={"root": "/", "count": 9, "sha256": ""},
    fingerprint={},
    settings={"places": PLACES, "asked": ASKED},
    run="mine",
    generation=4,
)
COMPLETE = Mark(run="mine", state="complete", count=9)

MANIFESTS = {
    "none": None,
    "same sources": MANIFEST,
    "others": replace(MANIFEST, settings={"places": ["/others"], "asked": ASKED}),
    "extended": replace(MANIFEST, carry="extend"),
    "retried": replace(MANIFEST, carry="retry-failed"),
    "fresh": replace(MANIFEST, settings={**MANIFEST.settings, "job": {"fresh": True}}),
    "fresh, others": replace(MANIFEST, settings={"places": [], "job": {"fresh": True}}),
}
MARKS = {
    "none": None,
    "open": replace(COMPLETE, state="open"),
    "complete": COMPLETE,
    "with failures": replace(COMPLETE, failed={"empty": 2}),
    "of another run": replace(COMPLETE, run="another"),
}
RESULTS = (True, False)
PARTS = (None, 0, 100)
AGAIN = ("", "fresh", "extend", "retry-failed", "follow")
SAME_ANSWERS = {"unknown": None, "yes": ASKED, "no": {"top": 2}}

ANY: tuple[Any, ...] = ()
SAME_SOURCES = ("same sources", "extended", "retried", "fresh")
OTHERS = ("others", "fresh, others")
KNOWN = (*SAME_SOURCES, *OTHERS)
WAS_COMPLETE = ("complete", "with failures")
MORE = ("extend", "retry-failed")

# The first row that fits decides.
TABLE: tuple[tuple[Any, ...], ...] = (
    # manifest, finished file, part, mark, option, same answers -> decision
    ("none", True, ANY, ANY, ANY, ANY, "which run it is from"),
    ("none", False, 100, ANY, ("", "follow", *MORE), ANY, "of which run"),
    ("none", False, ANY, ANY, MORE, ANY, "no complete results"),
    ("none", False, ANY, ANY, ("", "follow"), ANY, "first"),
    ("none", False, ANY, ANY, "fresh", ANY, "fresh"),
    (KNOWN, False, None, WAS_COMPLETE, MORE, ANY, "no complete results"),
    (KNOWN, False, None, WAS_COMPLETE, ("", "fresh", "follow"), ANY, "removed"),
    ("fresh", ANY, 100, ANY, "fresh", ANY, "go on"),
    (KNOWN, ANY, ANY, ANY, "fresh", ANY, "fresh"),
    (OTHERS, ANY, ANY, ANY, ANY, ANY, "other sources"),
    (SAME_SOURCES, True, None, WAS_COMPLETE, ("extend", "follow"), ANY, "extend"),
    (SAME_SOURCES, True, None, "with failures", "retry-failed", ANY, "retry-failed"),
    (SAME_SOURCES, True, None, "complete", "retry-failed", ANY, "go on"),
    (SAME_SOURCES, True, None, WAS_COMPLETE, "", "yes", "finished"),
    ("extended", ANY, ANY, ANY, "extend", ANY, "go on"),
    ("retried", ANY, ANY, ANY, "retry-failed", ANY, "go on"),
    (SAME_SOURCES, ANY, ANY, ANY, MORE, ANY, "is not complete"),
    (SAME_SOURCES, ANY, ANY, ANY, ("", "follow"), ANY, "go on"),
)
COMBINATIONS = list(product(MANIFESTS, RESULTS, PARTS, MARKS, AGAIN, SAME_ANSWERS))


def fits(value: object, allowed: object) -> bool:
    return allowed == ANY or value == allowed or (isinstance(allowed, tuple) and value in allowed)


def row_of(combination: tuple[Any, ...]) -> int:
    """The number of the first row that fits."""
    return next(
        number
        for number, row in enumerate(TABLE)
        if all(fits(value, allowed) for value, allowed in zip(combination, row, strict=False))
    )


def decide(combination: tuple[Any, ...]) -> Plan:
    manifest, results, part, mark, again, asked = combination
    found = Found(MANIFESTS[manifest], results, part, MARKS[mark])
    paths = RunPaths.of("/results.jsonl")
    request = Request("results.jsonl", paths, cast(Again, again), PLACES, SAME_ANSWERS[asked])
    return plan(found, request)


@pytest.mark.parametrize("number", range(len(TABLE)), ids=[str(row[-1]) for row in TABLE])
def test_every_combination_is_decided_as_its_row_says(number: int) -> None:
    mine = [combination for combination in COMBINATIONS if row_of(combination) == number]
    assert mine, "no combination gets as far as this row"
    for combination in mine:
        check(decide(combination), str(TABLE[number][-1]), MANIFESTS[combination[0]])


def check(decided: Plan, expected: str, manifest: Manifest | None) -> None:
    match decided:
        case Refused(error):
            assert expected in str(error)
            kind = UsageError if expected == "no complete results" else RefusedError
            assert type(error) is kind
        case Finished(found):
            assert (expected, found) == ("finished", manifest)
        case GoOn(found):
            assert (expected, found) == ("go on", manifest)
        case NewGeneration(before, reason):
            assert (expected, before) == (reason, manifest)
            assert decided.over == (reason in ("fresh", "removed"))
            assert decided.carry == (reason if reason in MORE else "")


def test_the_table_has_every_combination() -> None:
    assert len(COMBINATIONS) == 3150
    assert {row_of(combination) for combination in COMBINATIONS} == set(range(len(TABLE)))


def test_an_extension_that_adds_nothing_is_no_new_generation() -> None:
    extension = NewGeneration(MANIFEST, "extend")
    assert when_listed(extension, 9) == GoOn(MANIFEST)
    assert when_listed(extension, 10) == extension
    for other in (NewGeneration(MANIFEST, "retry-failed"), NewGeneration(None, "first")):
        assert when_listed(other, 9) == other
    assert when_listed(GoOn(MANIFEST), 9) == GoOn(MANIFEST)
