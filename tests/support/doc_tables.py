"""Writes what the documents take from the code: the table of `run`'s options.

python -m tests.support.doc_tables --write
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby

from batchcls.cli.job_options import Option
from batchcls.cli.legacy import WORDS
from batchcls.cli.options import OPTIONS
from batchcls.job.job import DEFAULT_NAMES, Job
from tests.support.tree import ROOT

OPTIONS_PAGE = ROOT / "batchcls" / "job" / "README.md"
_BEGIN = "<!-- written by `python -m tests.support.doc_tables --write` -->\n"
_END = "<!-- end -->"
_BRACKETS = re.compile(r" \[([^\]]*)\]$")
_DEFAULTS = {field.name: field.default for field in fields(Job)}


def default(option: Option) -> str:
    """An option's default; empty where it is decided later, or where none is needed."""
    value = _DEFAULTS[option.field]
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "" if value == DEFAULT_NAMES else ",".join(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value not in (None, "", 0, -1) else ""


def default_in_help(option: Option) -> str | None:
    """What the help says of it in brackets, None where it says nothing."""
    found = _BRACKETS.search(option.text)
    return found and found[1]


def options_table() -> str:
    """The options of `run` by section, as Markdown."""
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for section, members in groupby(OPTIONS, key=lambda option: option.section):
        lines.append(f"| **{section}** | | |")
        lines += [_line(_row(option)) for option in members]
    return "\n".join(lines) + "\n"


def _row(option: Option) -> Iterator[str]:
    names = [f"`--{option.name}{' ' if option.show else ''}{option.show}`"]
    names += [f"`{option.short}`"] if option.short else []
    old = [f"`-{word}`" for word, name in WORDS.items() if name == option.name]
    yield ", ".join(names) + (f" ({', '.join(old)})" if old else "")
    known = default(option)
    yield f"`{known}`" if known else ""
    yield _BRACKETS.sub("", option.text) if known else option.text


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def with_options_table(page: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}\n{options_table()}\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    text = with_options_table(OPTIONS_PAGE.read_text(encoding="utf-8"))
    if "--write" in sys.argv[1:]:
        OPTIONS_PAGE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(options_table())
