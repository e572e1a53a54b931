"""Rewrites what typer finds wrong with a command line, as the style page wants it."""

import re

from typer._click.exceptions import UsageError  # typer itself exports only a subclass

_OPTION = re.compile(r"'(--?[\w-]+)'")
_BAD, _NONE = "Invalid value for (.+?): (.+)", "No such option: (.+)"
_FORMS = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (_BAD + r" is not a valid int\w*", r"\1: expected a whole number, not \2"),
        (_BAD + " is not a valid float", r"\1: expected a number, not \2"),
        (_NONE + r" \(Possible options: (.+)\)", r"no such option: \1; did you mean \2?"),
        (r"Got unexpected extra argument(?:s|\(s\))? \((.+)\)", r"too many arguments: \1"),
        (r"Option (.+) requires an argument", r"\1 needs a value"),
        (r"Option (.+) does not take a value", r"\1 takes no value"),
        (r"Missing argument '(.+)'", r"missing argument: \1"),
        (r"Missing option (.+)", r"missing option: \1"),
    )
)
"""What typer writes, in any version, and what is written instead."""


def message_of(error: UsageError) -> str:
    """What is wrong, for the person who typed it."""
    text = _OPTION.sub(r"\1", error.format_message().rstrip("."))
    for theirs, ours in _FORMS:
        if found := theirs.fullmatch(text):
            return found.expand(ours)
    return text[:1].lower() + text[1:]
