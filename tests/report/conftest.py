"""A browser for pages: Debian's chromium, where it and playwright are there (`tox -e pages`)."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
WAIT_S = 20.0


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Tab:
    """A page of a browser that lets no request out.

    Attributes:
        page: playwright's.
        strayed: what was asked for beyond the file or this machine.
        said: errors and messages of scripts, and dialogs.
    """

    def __init__(self, browser: Any, **options: Any) -> None:
        window = {"width": 1280, "height": 900}
        self.context = browser.new_context(**{"viewport": window, **options})
        self.page = self.context.new_page()
        self.strayed: list[str] = []
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.context.route("**/*", self._route)

    def _dialog(self, dialog: Any) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def _route(self, route: Any) -> None:
        url = route.request.url
        if url.startswith(("file://", "http://127.0.0.1:", "data:")):
            route.continue_()
        else:
            self.strayed.append(url)
            route.abort()

    def open(self, url: str) -> Any:
        self.page.goto(url)
        return self.page

    def until(self, expression: str) -> None:
        """Wait until it is true; not by playwright's own, whose `eval` the page's policy stops."""
        last = time.monotonic() + WAIT_S
        while not self.page.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < last, expression
            time.sleep(0.02)

    def focused(self) -> Any:
        """The image that has the focus, as the script has it."""
        return self.page.evaluate("document.activeElement.closest('.tile')?.picture.i ?? null")


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    made: list[Tab] = []

    def open_tab(**options: Any) -> Tab:
        made.append(Tab(chromium, **options))
        return made[-1]

    yield open_tab
    for one in made:
        one.context.close()
        assert one.strayed == []
        # A picture that there is not, and a filter that makes no sense, are told, too.
        assert [text for text in one.said if "status of 40" not in text] == []
