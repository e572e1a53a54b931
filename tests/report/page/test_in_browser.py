"""A report in a real browser: nothing is fetched or run, and all of it works without a mouse."""

from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import pytest

from batchcls.backends.thumbnails import ThumbnailProcess
from batchcls.images import Failure, ImageRef, Prediction
from batchcls.report.build import Request, build
from batchcls.results.record import failure_line, ok_line
from tests.support.pictures import scene

pytestmark = pytest.mark.runs

PLAIN = ("cat", "dog", "horse")
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=http://192.0.2.1/x onerror=alert(1)>" + "x" * 260,
    "\u202e\0<svg onload=alert(1)>\u2028",
)


def written(folder: Path, labels: tuple[str, ...]) -> str:
    """A report of some pictures of these labels; its address."""
    folder.mkdir()
    data = bytes(cv2.imencode(".jpg", scene(320))[1])
    lines = []
    for n in range(30):
        name = f"{n} {labels[n % 3][:80]}".replace("/", "-").replace("\0", "") + ".jpg"
        (folder / name).write_bytes(data)
        ref = ImageRef(n, name)
        if n % 10 == 4:
            lines.append(failure_line(ref, Failure("truncated", labels[0])))
        else:
            top = [Prediction(k, labels[(n + k) % 3], (60 + n) / 100 / (k + 1)) for k in range(3)]
            lines.append(ok_line(ref, top))
    results = folder / "r.jsonl"
    results.write_bytes(b"".join(line + b"\n" for line in lines))
    request = Request(str(results), images=str(folder), filter=labels[1])
    with closing(ThumbnailProcess()) as make:
        text = build(request, make, lambda _: None)
    page = folder.parent / f"{folder.name}.html"
    page.write_text(text, encoding="utf-8")
    return page.as_uri()


def test_hostile_text_adds_no_element_and_runs_nothing(tab: Any, tmp_path: Path) -> None:
    counts = []
    for name, labels in (("plain", PLAIN), ("hostile", HOSTILE)):
        one = tab()
        page = one.open(written(tmp_path / name, labels))
        one.until("[...document.images].some((image) => image.naturalWidth > 0)")
        page.locator("#unsure .tile").first.click()
        page.wait_for_selector("#look[open]")
        counts.append(page.evaluate("[...document.querySelectorAll('*')].map((e) => e.tagName)"))
    assert counts[0] == counts[1]


def test_everything_is_reached_by_keys(tab: Any, tmp_path: Path) -> None:
    one = tab()
    page = one.open(written(tmp_path / "plain", PLAIN))
    page.keyboard.press("2")
    one.until("document.querySelector('#unsure').getBoundingClientRect().top < 200")
    page.keyboard.press("ArrowDown")
    first = one.focused()
    assert first is not None
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#look[open]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.wait_for_selector("#look", state="hidden")
    assert one.focused() not in (None, first)
    page.keyboard.press("/")
    page.keyboard.type("horse")
    assert page.evaluate("document.querySelectorAll('.tile[hidden]').length") > 0
    page.keyboard.press("Escape")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")


def test_without_scripts_the_page_tells_all_but_the_pictures(tab: Any, tmp_path: Path) -> None:
    page = tab(java_script_enabled=False).open(written(tmp_path / "plain", PLAIN))
    text = page.inner_text("body")
    for words in ("30\nimages", "truncated", "copy the files again", "horse", "need JavaScript"):
        assert words in text


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_any_screen(tab: Any, tmp_path: Path, width: int, scheme: str) -> None:
    one = tab(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = one.open(written(tmp_path / "hostile", HOSTILE))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(shade[4:].split(",")[0]) < 128) == (scheme == "dark")
