"""Text that would harm a terminal, and what to look for in what was written to one."""

import re

CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]"
)
# What our displays send themselves: colours, cursor up, erase line or screen, home, show and hide.
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\d*A|\x1b\[[02]?[KJ]|\x1b\[H|\x1b\[\?25[lh]|\r")
HOSTILE = [
    ("a\x1b[2Jb", "a\\x1b[2Jb"),
    ("\x1b]8;;http://evil\x07x", "\\x1b]8;;http://evil\\x07x"),
    ("a\x9b31mb", "a\\x9b31mb"),
    ("\x7f", "\\x7f"),
    ("line\nfeed\r\t", "line\\nfeed\\r\\t"),
    ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
    ("\u2066x\u2069", "\\u2066x\\u2069"),
    ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
    ("\u2028\u2029\u0085", "\\u2028\\u2029\\x85"),
    ("\udcff.jpg", "\\xff.jpg"),
    ("\ud800", "\\ud800"),
    ("\U000e0041", "\\U000e0041"),
    ("wide\u3000and\u00a0hard", "wide and hard"),
]
