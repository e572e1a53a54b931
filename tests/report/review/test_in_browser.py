"""A review in a real browser: keys judge images, and what they say is on the disk."""

from typing import Any

import pytest

from batchcls.report import corrections
from batchcls.report.review.server import ReviewServer
from batchcls.report.rows import Results
from tests.support.reviews import note_labels, serving

pytestmark = pytest.mark.runs


def said(results: Results) -> dict[int, str]:
    found = corrections.read(corrections.beside(results.path))
    return {index: one.label for index, one in found.items()}


def wait_for(one: Any, judged: int) -> None:
    one.until(f"document.getElementById('status').textContent.endsWith('· {judged} judged')")


def test_keys_alone_judge_images_one_after_the_other(
    server: ReviewServer, tab: Any, results: Results
) -> None:
    one = tab()
    page = one.open(server.address)
    assert "token" not in page.url
    wait_for(one, 0)
    order = page.evaluate("[...document.querySelectorAll('.tile')].map((e) => e.picture.i)")
    assert one.focused() == order[0] == 0
    for key in (" ", "x", "2", "c"):
        page.keyboard.press(key)
    page.wait_for_selector("#choose[open]")
    page.keyboard.type("b")
    page.keyboard.press("Enter")
    wait_for(one, 4)
    first = {0: "a", order[1]: "", order[2]: "z", order[3]: "b"}
    assert said(results) == first
    assert one.focused() == order[4]
    page.keyboard.press("r")
    wait_for(one, 5)
    page.keyboard.press("r")
    one.until("document.querySelectorAll('.tile.right').length > 4")
    for left in (5, 4, 3):
        page.keyboard.press("u")
        wait_for(one, left)
    assert said(results) == {k: v for k, v in first.items() if k != order[3]}
    assert one.focused() == order[3]


def test_each_of_a_few_classes_has_its_key_and_a_new_one_gets_the_next(
    results: Results, tab: Any
) -> None:
    note_labels(results.path, ["z", "c", "b", "a"])
    with serving(results) as server:
        one = tab()
        page = one.open(server.address)
        wait_for(one, 0)
        order = page.evaluate("[...document.querySelectorAll('.tile')].map((e) => e.picture.i)")
        rows = [one.inner_text() for one in page.query_selector_all(".answers li")]
        assert [row.split()[:2] for row in rows] == [[str(n), c] for n, c in enumerate("zcba", 1)]
        for key in ("1", "4", "7", "c"):
            page.keyboard.press(key)
        page.wait_for_selector("#choose[open]")
        page.keyboard.type("new one")
        page.keyboard.press("Enter")
        page.keyboard.press("5")
        page.keyboard.press(".")
        wait_for(one, 5)
        labels = ["z", "a", "new one", "new one", "new one"]
        assert said(results) == dict(zip(order, labels, strict=False))
        right = "abc"[order[1] % 3] == "a"
        assert len(page.query_selector_all(".tile.right")) == right
    with serving(results) as server:  # the next day
        page = tab().open(server.address)
        page.wait_for_selector(".answers li:nth-child(5)")
        assert page.inner_text(".answers li:nth-child(5)").split() == ["5", "new", "one"]


def test_keys_in_a_hurry_lose_nothing(server: ReviewServer, tab: Any, results: Results) -> None:
    one = tab()
    page = one.open(server.address)
    wait_for(one, 0)
    for _ in range(40):
        page.keyboard.press(" ")
    wait_for(one, 40)
    assert len(said(results)) == 40
    page.reload()
    one.until("document.querySelectorAll('.tile.right').length === 40")


def test_space_in_the_closer_look_judges_the_image_that_is_shown(
    server: ReviewServer, tab: Any, results: Results
) -> None:
    one = tab()
    page = one.open(server.address)
    wait_for(one, 0)
    order = page.evaluate("[...document.querySelectorAll('.tile')].map((e) => e.picture.i)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#look[open]")
    page.keyboard.press(" ")
    wait_for(one, 1)
    page.keyboard.press("x")
    wait_for(one, 2)
    assert said(results) == {order[1]: "abc"[order[1] % 3], order[2]: ""}
    page.keyboard.press("Escape")
    one.until(f"document.activeElement.closest('.tile')?.picture.i === {order[3]}")


def test_a_filter_that_judging_empties_skips_no_image(
    server: ReviewServer, tab: Any, results: Results
) -> None:
    one = tab()
    page = one.open(server.address)
    wait_for(one, 0)
    page.keyboard.press("/")
    page.keyboard.type("not corrected")
    page.keyboard.press("Enter")
    one.until("document.getElementById('status').textContent.startsWith('1 to 60 of 500')")
    for _ in range(60):
        page.keyboard.press(" ")
    one.until("document.getElementById('status').textContent.startsWith('61 to 120 of 500')")
    for _ in range(5):
        page.keyboard.press(" ")
    wait_for(one, 65)
    answered = sorted(n for n in range(500) if n % 10 != 9)
    assert {*said(results)} == {*sorted(answered, key=lambda n: n * 7 % 500)[:65]}


def test_a_filter_shows_what_it_means_and_a_mistake_is_told(server: ReviewServer, tab: Any) -> None:
    one = tab()
    page = one.open(server.address)
    wait_for(one, 0)
    page.keyboard.press("/")
    page.keyboard.type("label = b and score > 0.6")
    page.keyboard.press("Enter")
    one.until(
        "document.querySelectorAll('.tile').length > 0 && "
        "[...document.querySelectorAll('.tile')].every((e) => e.picture.top[0]?.[0] === 'b')"
    )
    page.keyboard.press("/")
    page.keyboard.type(" or lable")
    page.keyboard.press("Enter")
    one.until("document.getElementById('status').textContent.includes('expected')")
