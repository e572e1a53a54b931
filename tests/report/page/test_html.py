"""What others wrote stays text on a page."""

import json
import re
from html.parser import HTMLParser

import pytest

from batchcls.report.page.html import asset, digest, page, tag
from batchcls.report.page.plots import histogram, nice, reliability, throughput

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--",
    "\0",
    "photo\u202egpj.exe",
    "\u2028",
    "'\"&amp;",
    "\ud800",
    "a" * 300,
]


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        if self.found[-1:] == ["script"]:
            self.scripts.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_adds_no_element(text: str) -> None:
    plain = page("plain", tag("p", "plain"), {"path": "plain"})
    hostile = page(text, tag("p", text), {"path": text, text: [text]})
    assert Elements(hostile).found == Elements(plain).found
    data = json.loads(Elements(hostile).scripts[0])
    assert data["path"] == text
    assert hostile.isprintable() or not re.search("[\0\u202a-\u202e\u2028\ud800]", hostile)


def test_the_policy_names_the_only_script_and_style() -> None:
    text = page("t", "", {})
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert digest(asset("page.js")) in policy[1]
    assert digest(asset("page.css")) in policy[1]
    assert f"<style>{asset('page.css')}</style>" in text
    assert f">{asset('page.js')}</script>" in text


def test_nothing_is_fetched_and_nothing_is_made_of_text() -> None:
    script, style = asset("page.js"), asset("page.css")
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "outerHTML"):
        assert word not in script
    for word in ("http:", "https:", "@import", "url("):
        assert word not in style + script


def test_a_plot_has_a_bar_for_each_step() -> None:
    drawn = throughput([(0.0, 50.0, True), (10.0, 100.0, True), (20.0, 0.0, False)])
    assert drawn.count("<rect") == 2
    assert 'class="resumed"' in drawn
    assert 'height="100.00"' in drawn
    assert histogram([0, 5, 10], "x").count("<rect") == 3
    assert reliability([(0, 0.0, 0), (10, 5.0, 5)]).count("<rect") == 1


@pytest.mark.parametrize(("value", "axis"), [(0, 1), (1, 1), (1.1, 2), (83, 100), (210, 250)])
def test_axes_end_at_round_numbers(value: float, axis: float) -> None:
    assert nice(value) == axis
