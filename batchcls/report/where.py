"""Decides which images `--where EXPR` means, for export, report and review alike. Pure.

::

    expr  = all { "or" all }
    all   = one { "and" one }
    one   = "not" one | "(" expr ")" | "failed" | "corrected" | field op value
    field = "label" | "score" | "margin" | "failed" | "path" | "any"
    op    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
    value = a word without blanks and brackets, or any text in ' or ", where a backslash before a
            quotation mark or another backslash stands for that

``label`` and ``score`` are those of the best class, ``any`` is the label of any class of the
answer, ``failed`` alone is every failed image and ``failed = truncated`` those of a kind. ``~``
compares with a pattern: ``*`` is any text, ``?`` one character, ``[ab]`` one of these; the whole
text must fit, and upper and lower case differ. What an image lacks fits no test, ``!=`` and ``!~``
included: a failed image has no label, a corrected one no score.
"""

import difflib
import math
import operator
import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import NoReturn

from batchcls.display.text import safe, width
from batchcls.errors import UsageError
from batchcls.images import FAILURE_KINDS
from batchcls.report.rows import Row, shown

Test = Callable[[Row], bool]

DEEPEST = 50
"""Brackets and "not" within one another: more would be too many for Python's stack."""

_OPERATORS = re.compile(r"<=|>=|!=|!~|==|=|<|>|~")


def _named(row: Row) -> Sequence[str]:
    return () if row.label is None else (row.label,)


_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TEXTS: dict[str, Callable[[Row], Sequence[str]]] = {
    "label": _named,
    "any": lambda row: [p.label for p in row.top] if row.corrected is None else _named(row),
    "failed": lambda row: () if row.failure is None else (row.failure.kind,),
    "path": lambda row: (shown(row.record.path),),
}
_NUMBERS: dict[str, Callable[[Row], float | None]] = {
    "score": lambda row: row.score,
    "margin": lambda row: row.margin,
}
_ALONE: dict[str, Test] = {
    "failed": lambda row: row.failure is not None,
    "corrected": lambda row: row.corrected is not None,
}
_FIELDS = ("label", "score", "margin", "failed", "path", "any", "corrected")
_ESCAPED = re.compile(r"""\\(['"\\])""")
_OF_OPERATORS = ("<", ">", "=", "!", "~")
_WORD = re.compile(r"[A-Za-z_]+")
_VALUE = re.compile(r"""[^\s()"']+|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'""", re.DOTALL)


def parse(text: str, *, corrections: bool = True) -> Test:
    """The test that an expression means.

    Args:
        corrections: there are some, so that `corrected` means something.

    Raises:
        UsageError: it means nothing; the message says what is wrong, and points at it.
    """
    reader = _Reader(text, corrections=corrections)
    test = reader.expression()
    if reader.word("and", "or") or not reader.at_end:
        reader.fail("expected `and`, `or` or the end")
    return test


class _Reader:
    """One pass over the text; each method reads what its name says, from where the last ended."""

    def __init__(self, text: str, *, corrections: bool) -> None:
        self._text, self._corrections = text, corrections
        self._at = self._depth = 0

    def expression(self) -> Test:
        tests = [self._all()]
        while self.take("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self.take("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            self.fail("too many brackets and `not` within one another")
        test = self._negated() or self._bracketed() or self._test()
        self._depth -= 1
        return test

    def _negated(self) -> Test | None:
        if not self.take("not"):
            return None
        test = self._one()
        return lambda row: not test(row)

    def _bracketed(self) -> Test | None:
        if not self._rest.startswith("("):
            return None
        self._at += 1
        test = self.expression()
        if not self._rest.startswith(")"):
            self.fail("expected `)`")
        self._at += 1
        return test

    def _test(self) -> Test:
        field = self.word(*_FIELDS)
        if not field:
            self.fail(f"expected {_listed(_FIELDS)}")
        if field == "corrected" and not self._corrections:
            self.fail("`corrected` needs the option `--corrected`")
        self._at += len(field)
        found = _OPERATORS.match(self._rest)
        if found is None:
            if field in _ALONE:
                return _ALONE[field]
            self.fail(f"expected {_listed([*_COMPARED, '~', '!~'])} after {field}")
        if field == "corrected":
            self.fail("`corrected` stands alone")
        self._at += found.end()
        compared = found[0].replace("==", "=")
        return self._number(field, compared) if field in _NUMBERS else self._words(field, compared)

    def _number(self, field: str, compared: str) -> Test:
        if compared not in _COMPARED:
            self._at -= len(compared)
            self.fail(f"{field} is a number: expected {_listed([*_COMPARED])}")
        start, value = self._value()
        try:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(value)
        except ValueError:
            self._at = start
            self.fail(f"expected a number after {field} {compared}")
        of, fits = _NUMBERS[field], _COMPARED[compared]
        return lambda row: (found := of(row)) is not None and fits(found, number)

    def _words(self, field: str, compared: str) -> Test:
        if compared not in ("=", "!=", "~", "!~"):
            self._at -= len(compared)
            self.fail(f"{field} is text: expected {_listed(['=', '!=', '~', '!~'])}")
        start, value = self._value()
        if field == "failed" and compared in ("=", "!=") and value not in FAILURE_KINDS:
            self._at = start
            near = difflib.get_close_matches(value, FAILURE_KINDS, n=1) or sorted(FAILURE_KINDS)
            self.fail(f"no kind of failure; did you mean {_listed(near)}?")
        of = _TEXTS[field]
        fits: Callable[[str], object] = (
            re.compile(translate(value)).match if compared[-1] == "~" else value.__eq__
        )
        if compared[0] == "!":
            return lambda row: bool(found := of(row)) and not any(fits(text) for text in found)
        return lambda row: any(fits(text) for text in of(row))

    def _value(self) -> tuple[int, str]:
        """Where the value begins, and what it is."""
        found = _VALUE.match(self._rest)
        if found is None:
            self.fail("this quotation mark has no end" if self._rest else "expected a value")
        if found[0].startswith(_OF_OPERATORS):
            self.fail("no such operator; text that begins with such a character goes in '…'")
        start = self._at
        self._at += found.end()
        quoted = found[1] if found[1] is not None else found[2]
        if quoted is None:
            return start, found[0]
        return start, _ESCAPED.sub(r"\1", quoted)

    @property
    def _rest(self) -> str:
        """What is left; blanks before it are passed."""
        rest = self._text[self._at :]
        self._at += len(rest) - len(rest.lstrip())
        return rest.lstrip()

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return not self._rest

    def word(self, *words: str) -> str:
        """Which of these words is next; empty if none."""
        found = _WORD.match(self._rest)
        return found[0].lower() if found and found[0].lower() in words else ""

    def take(self, word: str) -> bool:
        """Read this word, if it is next."""
        found = self.word(word)
        self._at += len(found)
        return bool(found)

    def fail(self, message: str) -> NoReturn:
        """Say what is wrong with what comes next, and point at it.

        Raises:
            UsageError: always.
        """
        _ = self._rest  # the mark goes under what comes next, not under the blank before it
        before = width(safe(self._text[: self._at]))
        raise UsageError(f"--where: {message}\n  {safe(self._text)}\n  {' ' * before}^")


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
