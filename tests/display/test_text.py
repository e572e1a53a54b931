"""Nothing from outside may reach the terminal as a control, and numbers read well."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcls.display import text
from tests.support.hostile_text import HOSTILE


@pytest.mark.parametrize(("hostile", "shown"), HOSTILE)
def test_what_is_not_plainly_printable_is_written_out(hostile: str, shown: str) -> None:
    assert text.safe(hostile) == shown


@pytest.mark.parametrize("plain", ["", "a.jpg", "Käse/猫 🐈.png", "[link=x]", "[/]", "a\\nb"])
def test_what_is_printable_stays(plain: str) -> None:
    assert text.safe(plain) == plain


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_safe_text_is_printable_and_stays_as_it_is(anything: str) -> None:
    shown = text.safe(anything)
    assert shown.isprintable()
    assert text.safe(shown) == shown
    shown.encode()  # no surrogate is left


@settings(deadline=None)
@given(st.text(st.characters(codec=None)), st.integers(0, 60), st.sampled_from(["start", "end"]))
def test_fitted_text_is_never_wider_than_asked(anything: str, columns: int, keep: str) -> None:
    fitted = text.fit(anything, columns, keep=keep)
    assert text.width(fitted) <= columns
    assert fitted.isprintable()


def test_the_end_of_a_path_is_kept() -> None:
    assert text.fit("a/very/long/path/to/img.jpg", 12, keep="end") == "…/to/img.jpg"
    assert text.fit("a/very/long/path", 8) == "a/very/…"


def test_wide_characters_count_twice_and_marks_not_at_all() -> None:
    assert text.width("猫a") == 3
    assert text.width("e\u0301") == 1
    assert len(text.fit("a" + "\u0301" * 5000, 10)) < 100


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (91, "1 min 31 s"),
     (3599.7, "1 h 00 min"), (25920, "7 h 12 min"), (86399, "1 d 0 h"), (273600, "3 d 4 h")],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(0, "0.00"), (4.118, "4.12"), (41.23, "41.2"), (1234.4, "1,234")]
)
def test_rates(rate: float, words: str) -> None:
    assert text.rate(rate) == words


def test_a_percentage_is_never_rounded_up_to_all() -> None:
    assert text.percent(0.99999) == "99.9%"
    assert text.percent(1.0) == "100.0%"


def test_sizes_and_counts() -> None:
    assert text.size(212_000_000) == "212 MB"
    assert text.size(1_240_000_000) == "1.2 GB"
    assert text.counted(1, "image", "images") == "1 image"
    assert text.counted(1200, "image", "images") == "1,200 images"
