"""Writes the page of a review: a bar, a grid that the script fills, and what the focus shows."""

from collections.abc import Mapping
from typing import Any

from batchcls.report.page.html import page, raw, tag

ORDERS = {"unsure": "The unsure first", "sure": "The sure first", "list": "As they are listed"}


def review_page(about: Mapping[str, Any]) -> str:
    """The HTML.

    Args:
        about: what `Desk.about` says.
    """
    options = "".join(f'<option value="{key}">{text}</option>' for key, text in ORDERS.items())
    bar = (
        f'<div class="bar"><select id="order" aria-label="Order">{options}</select>'
        '<input id="where" class="wide" type="search" aria-label="Only these images" '
        'placeholder="Only these images, for example label = cat and score &lt; 0.5">'
        '<p id="status" role="status"></p>'
        '<button id="previous" type="button">← Previous</button>'
        '<button id="next" type="button">Next →</button>'
        '<button id="help" type="button" title="Keys (?)" hidden>?</button>'
        '<button id="theme" type="button" title="Light or dark (t)" hidden>◐</button></div>'
    )
    header = raw("header", tag("p", "batchcls review", "brand") + tag("h1", about["title"]))
    main = (
        '<main class="desk"><div class="grid" id="images"></div>'
        '<aside id="panel" aria-live="polite"></aside></main>'
    )
    kept = f"What you say is kept in {about['file']}, each at once."
    dialogs = '<dialog id="look"></dialog><dialog id="keys"></dialog><dialog id="choose"></dialog>'
    body = (
        f'<div class="review">{header}{bar}{main}'
        f"{raw('footer', tag('p', kept))}{dialogs}"
        "<noscript><p>A review needs JavaScript.</p></noscript></div>"
    )
    return page(f"{about['title']}: batchcls review", body, {"review": dict(about)}, local=True)
