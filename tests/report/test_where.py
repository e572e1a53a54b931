"""What `--where` means, and what it says of what means nothing."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import UsageError
from batchcls.images import FAILURE_KINDS, Failure, Prediction
from batchcls.report.rows import Row
from batchcls.report.where import parse
from batchcls.results.record import ParsedRecord


def answered(
    label: str, score: float = 0.9, path: str = "a.jpg", second: float | None = None
) -> Row:
    top = [Prediction(0, label, score)]
    top += [] if second is None else [Prediction(1, "other", second)]
    return Row(ParsedRecord(0, path, tuple(top), None))


FAILED = Row(ParsedRecord(1, "2023/b.jpg", (), Failure("truncated", "the file ends early")))
NOT_UTF8 = Row(ParsedRecord(2, "a\udcff.jpg", (), None))
WRONG = Row(answered("cat", 0.4).record, "")
CORRECTED = Row(answered("cat", 0.4).record, "lynx")


@pytest.mark.parametrize(
    ("text", "row", "fits"),
    [
        ("label = cat", answered("cat"), True),
        ("label==cat", answered("cat"), True),
        ("label != cat", answered("cat"), False),
        ("label = 'tiger cat'", answered("tiger cat"), True),
        (r'label = "a \"b\\"', answered(r'a "b\ '[:-1]), True),
        ("label ~ tiger*", answered("tiger cat"), True),
        ("label ~ tiger", answered("tiger cat"), False),
        ("label !~ tiger*", answered("tiger cat"), False),
        ("label ~ Tiger*", answered("tiger cat"), False),
        ("any = other", answered("cat", second=0.1), True),
        ("any != other", answered("cat", second=0.1), False),
        ("score >= 0.9", answered("cat"), True),
        ("score<1e-1", answered("cat"), False),
        ("margin < 0.2", answered("cat", 0.5, second=0.4), True),
        ("margin < 0.2", answered("cat", 0.5), False),
        ("path ~ 2023/*", FAILED, True),
        ("failed", FAILED, True),
        ("failed = truncated", FAILED, True),
        ("failed = empty", FAILED, False),
        ("failed != empty", FAILED, True),
        ("failed ~ *", answered("cat"), False),
        ("label != cat", FAILED, False),
        ("not label = cat", FAILED, True),
        ("score < 2", CORRECTED, False),
        ("corrected and label = lynx and any = lynx", CORRECTED, True),
        ("corrected", answered("cat"), False),
        ("corrected and not label ~ * and not any ~ *", WRONG, True),
        ("label != dog or score < 1 or margin < 1", WRONG, False),
        (r"path = 'c:\a.jpg'", answered("cat", path=r"c:\a.jpg"), True),
        ("path = a\ufffd.jpg", NOT_UTF8, True),
        ("label = '~cat'", answered("~cat"), True),
        ("failed or label = cat and score > 1", FAILED, True),
        ("(failed or label = cat) and score > 1", FAILED, False),
        ("NOT not Failed", FAILED, True),
        ("label = 'and'", answered("and"), True),
        ("label = and", answered("and"), True),
    ],
)
def test_what_an_expression_means(text: str, row: Row, fits: bool) -> None:
    assert parse(text)(row) is fits


@pytest.mark.parametrize(
    ("text", "says", "at"),
    [
        ("", "expected label, score, margin, failed, path, any or corrected", 0),
        ("lable = cat", "expected label, score", 0),
        ("label", "expected =, !=, <", 5),
        ("label = ", "expected a value", 8),
        ("label = 'cat", "this quotation mark has no end", 8),
        ("label = tiger cat", "expected `and`, `or` or the end", 14),
        ("label < cat", "label is text", 6),
        ("score ~ 1", "score is a number", 6),
        ("score > much", "expected a number after score >", 8),
        ("score > nan", "expected a number after score >", 8),
        ("score < inf", "expected a number after score <", 8),
        ("label =~cat", "no such operator", 7),
        ("score =< 0.5", "no such operator", 7),
        ("failed = trunacted", "did you mean truncated?", 9),
        ("(failed", "expected `)`", 7),
        ("failed)", "expected `and`, `or` or the end", 6),
        ("failed and", "expected label", 10),
        ("not", "expected label", 3),
        ("corrected = 1", "`corrected` stands alone", 10),
        ("(" * 60 + "failed" + ")" * 60, "too many brackets", 50),
        ("label = \u202e 猫", "expected `and`, `or` or the end", 15),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, says: str, at: int) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    message, shown, mark = str(caught.value).split("\n")
    assert says in message
    assert mark == "  " + " " * at + "^"
    assert shown.isprintable()


def test_corrected_needs_corrections() -> None:
    with pytest.raises(UsageError, match="`corrected` needs the option `--corrected`"):
        parse("not corrected", corrections=False)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KINDS = st.sampled_from(sorted(FAILURE_KINDS))


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> tuple[str, str]:
    """An expression, and the same in Python over `label`, `score`, `path` and `kind`."""
    form = draw(st.integers(0, 6 if depth else 3))
    if form == 0:
        text = draw(TEXTS)
        op = draw(st.sampled_from(["=", "!="]))
        python = f"(label is not None and label {op.replace('=', '==', 1).replace('!==', '!=')} "
        return f"label {op} {quoted(text)}", f"{python}{text!r})"
    if form == 1:
        number, op = draw(st.floats(0, 1)), draw(st.sampled_from(["<", "<=", ">", ">="]))
        return f"score{op}{number}", f"(score is not None and score {op} {number})"
    if form == 2:
        pattern = draw(st.sampled_from(["*", "?", "a*", "*/b?", "[ab]*", ""]))
        return f"path ~ {quoted(pattern)}", f"fnmatchcase(path, {pattern!r})"
    if form == 3:
        kind = draw(KINDS)
        return f"failed = {kind}", f"(kind == {kind!r})"
    one, its = draw(trees(depth - 1))
    if form == 4:
        return f"not {one}" if one[0] == "(" else f"not ({one})", f"(not {its})"
    other, theirs = draw(trees(depth - 1))
    word = "and" if form == 5 else "or"
    return f"({one} {word} {other})", f"({its} {word} {theirs})"


@given(trees(), TEXTS, st.floats(0, 1), st.text("ab/", max_size=4), st.none() | KINDS)
def test_it_means_what_python_makes_of_the_same(
    tree: tuple[str, str], label: str, score: float, path: str, kind: str | None
) -> None:
    text, python = tree
    failure = None if kind is None else Failure(kind, "")  # type: ignore[arg-type]
    top = (Prediction(0, label, score),) if kind is None else ()
    known = {
        "label": None if kind else label, "score": None if kind else score, "path": path,
        "kind": kind, "fnmatchcase": fnmatchcase,
    }  # fmt: skip
    assert parse(text)(Row(ParsedRecord(0, path, top, failure))) is bool(eval(python, known))


@given(st.text(max_size=30))
def test_any_text_is_a_test_or_a_mistake_that_is_explained(text: str) -> None:
    try:
        test = parse(text)
    except UsageError as error:
        assert str(error).startswith("--where: ")
    else:
        assert test(FAILED) in (True, False)
