"""Makes text from outside safe for a terminal, and formats numbers with their units. Pure.

Rules of this file:

1. `safe` lets through only characters that Python calls printable; every other one (C0, C1, DEL,
   bidi and zero-width formatting, line separators, lone surrogates, unassigned) is written out as
   an escape that people can read. So no text moves a cursor, recolours, reorders or hides.
2. `safe` of safe text is the same text, so that it may be applied at every edge.
3. Nothing here is markup. Displays hand text to Rich only as `Text`, never as a markup string.

Columns are counted by hand: `rich.cells.cell_len` (MIT) takes 2 ms to import and agrees on all but
847 rare characters (spacing marks, letters that join), but would bring Rich into every process.
"""

import unicodedata

ELLIPSIS = "…"
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe(text: str) -> str:
    """`text` with everything that is not printable written out as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) == "Zs":  # no-break and ideographic spaces
        return " "
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def width(text: str) -> int:
    """Terminal columns of safe text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, columns: int, *, keep: str = "start") -> str:
    """`text` made safe and cut to `columns`, keeping its start, or its "end" (good for paths)."""
    # Marks that take no column could still be thousands; four characters a column is plenty.
    most = max(columns, 0) * 4 + 16
    text = safe(text[-most:] if keep == "end" else text[:most])
    if width(text) <= columns:
        return text
    room = columns - width(ELLIPSIS)
    if room < 0:
        return ""
    chars = reversed(text) if keep == "end" else iter(text)
    fitting: list[str] = []
    for char in chars:
        room -= _columns(char)
        if room < 0:
            break
        fitting.append(char)
    if keep == "end":
        return ELLIPSIS + "".join(reversed(fitting))
    return "".join(fitting) + ELLIPSIS


def count(number: int) -> str:
    """12345 → "12,345"."""
    return f"{number:,}"


def counted(number: int, one: str, many: str) -> str:
    """(1, "image", "images") → "1 image"."""
    return f"{number:,} {one if number == 1 else many}"


def rate(images_per_second: float) -> str:
    """Three figures at most after rounding: 1,234 · 41.2 · 4.12."""
    if images_per_second >= 99.95:
        return f"{images_per_second:,.0f}"
    return f"{images_per_second:.1f}" if images_per_second >= 9.995 else f"{images_per_second:.2f}"


def duration(seconds: float) -> str:
    """Two units at most: 0.4 s · 42 s · 1 min 31 s · 7 h 12 min · 3 d 4 h."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def size(number_of_bytes: float) -> str:
    """812 MB · 1.2 GB; decimal units."""
    if number_of_bytes < 999_500_000:
        return f"{number_of_bytes / 1e6:.0f} MB"
    return f"{number_of_bytes / 1e9:.1f} GB"


def percent(share: float) -> str:
    """0.2468 → "24.6%"; never rounded up to 100."""
    return f"{int(share * 1000) / 10:.1f}%"
