"""Puts a page together: text escaped, styles and script inline, and a policy that allows no more.

Rules of this file:

1. Text reaches HTML through `tag` or `escaped` alone, or as JSON that the script shows by
   `textContent`.
2. The policy of a page names the hashes of its own style and script; nothing else runs, and nothing
   is fetched. So there is no `style` attribute anywhere.
"""

import base64
import hashlib
import html
from importlib.resources import files
from typing import Any

from batchcls.display.text import safe
from batchcls.report.pictures import as_json

MARK = "<!doctype html><!-- batchcls report -->"
"""How a report begins; what begins otherwise is somebody's file."""


def escaped(text: str) -> str:
    """Text for HTML, what reorders or hides it written out."""
    return html.escape(safe(text))


def tag(name: str, text: str, css: str = "") -> str:
    """An element that holds nothing but text."""
    return raw(name, escaped(text), css)


def raw(name: str, content: str, css: str = "") -> str:
    """An element that holds HTML."""
    return f'<{name} class="{css}">{content}</{name}>' if css else f"<{name}>{content}</{name}>"


def code(text: str) -> str:
    """Text with backticks as HTML with code."""
    parts = text.split("`")
    return "".join(tag("code", part) if n % 2 else escaped(part) for n, part in enumerate(parts))


def table(head: list[str], rows: list[list[str]], css: str = "") -> str:
    """A table; cells are HTML."""
    first = raw("tr", "".join(f'<th scope="col">{tag("span", word)}</th>' for word in head))
    body = "".join(raw("tr", "".join(raw("td", cell) for cell in row)) for row in rows)
    return raw("table", raw("thead", first) + raw("tbody", body), css)


def page(title: str, body: str, data: Any, *, local: bool = False) -> str:
    """A whole page.

    Args:
        title: of the page.
        body: HTML.
        data: what the script shows.
        local: the page comes from `review.server`, which it may ask for more.
    """
    style, script = asset("page.css"), asset("page.js")
    images, more = ("'self' data:", "connect-src 'self'; ") if local else ("data:", "")
    policy = (
        f"default-src 'none'; img-src {images}; {more}style-src '{digest(style)}'; "
        f"script-src '{digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    return (
        f'{MARK}\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        '<link rel="icon" href="data:,">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>{style}</style></head>\n"
        f"<body>{body}\n"
        f'<script type="application/json" id="data">{as_json(data)}</script>\n'
        f'<script type="module">{script}</script></body></html>\n'
    )


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """As a policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
