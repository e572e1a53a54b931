"""The grammar of a record: what is written is accepted and comes back; nothing else is."""

import json
import math
import os
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcls.errors import ImageError
from batchcls.images import FAILURE_KINDS, Failure, FailureKind, ImageRef, Prediction
from batchcls.job.choices import FACTS
from batchcls.messages import CANARY
from batchcls.results import record
from batchcls.results.earlier_record import as_today

REF = ImageRef(7, "sub/a.jpg")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


LABELS = st.text(max_size=40) | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Lu"]))
SCORES = st.floats(allow_nan=False, allow_infinity=False, width=32)
PREDICTIONS = st.lists(
    st.builds(Prediction, st.integers(0, 10**6), LABELS, SCORES), min_size=1, max_size=6
)
NAMES = st.binary(min_size=1, max_size=60).filter(lambda b: b"\0" not in b)
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "margin": st.floats(0, 1),
        "entropy": st.floats(0, 20),
        "width": st.integers(1, 10**6),
        "height": st.integers(1, 10**6),
        "sha256": st.binary(min_size=32, max_size=32).map(bytes.hex),
        "phash": st.binary(min_size=8, max_size=8).map(bytes.hex),
        "captured": st.sampled_from(["", "2024-05-01T13:45:12", "2024-05-01T13:45:12.5+02:00"]),
        "camera": st.text(max_size=40).filter(_is_text),
        "gps": st.sampled_from(["", "-33.859833,151.200000"]),
    },
)


def strict(line: bytes) -> dict[str, object]:
    """What any JSON reader makes of it, twice the same key being an error."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({k for k, _ in pairs}) == len(pairs), "a key comes twice"
        return dict(pairs)

    def never(text: str) -> object:
        raise AssertionError(text)

    found: dict[str, object] = json.loads(line, object_pairs_hook=once, parse_constant=never)
    return found


@given(st.integers(0, 10**12), NAMES, PREDICTIONS, EXTRAS, st.just([]) | PREDICTIONS)
def test_answers_come_back(
    index: int,
    name: bytes,
    predictions: list[Prediction],
    extra: Mapping[str, int | float | str],
    always: list[Prediction],
) -> None:
    ref = ImageRef(index, os.fsdecode(name))
    line = record.ok_line(ref, predictions, extra, always)
    assert line.isascii()
    assert line.decode().isprintable()
    assert line.startswith(record.head(ref) + b",")
    checked = record.check(line, index)
    assert checked is not None
    assert checked.failed is None
    assert record.failed_kind(line) is None
    found = record.parse(line)
    assert (found.index, os.fsencode(found.path), found.failure) == (index, name, None)
    assert checked.label == found.top[0].label
    assert found.extra.keys() == extra.keys()
    for before, after in zip([*predictions, *always], [*found.top, *found.always], strict=True):
        assert before.index == after.index
        assert after.score == float(f"{before.score:.6f}")
        assert _is_text(after.label), "no lone surrogate is left"
        if _is_text(before.label):
            assert after.label == before.label
    strict(line)


@given(st.integers(0, 10**12), NAMES, st.sampled_from(sorted(FAILURE_KINDS)), st.text())
def test_failures_come_back(index: int, name: bytes, kind: FailureKind, message: str) -> None:
    line = record.failure_line(ImageRef(index, os.fsdecode(name)), Failure(kind, message))
    assert line.decode("ascii").isprintable()
    assert record.check(line, index) == (kind, None)
    assert record.failed_kind(line) == kind
    found = record.parse(line)
    assert found.failure is not None
    assert (os.fsencode(found.path), found.failure.kind) == (name, kind)
    assert found.failure.message == message
    strict(line)


def test_a_record_looks_as_documented() -> None:
    line = record.ok_line(REF, [Prediction(281, "tabby", 0.9342109), Prediction(0, 'a"', -1e-9)])
    assert line == (
        b'{"i":7,"path":"sub/a.jpg","top":[{"index":281,"label":"tabby","score":0.934211},'
        b'{"index":0,"label":"a\\"","score":0.000000}],'
        b'"error":{"kind":"","message":""}}'
    )
    assert record.failure_line(REF, Failure("truncated", "ends at byte 5")) == (
        b'{"i":7,"path":"sub/a.jpg","top":[],'
        b'"error":{"kind":"truncated","message":"ends at byte 5"}}'
    )


def test_messages_and_labels_are_cut() -> None:
    line = record.failure_line(REF, Failure("infer", "\x1b\n\u202e" * 100_000))
    assert len(line) < 6 * record.MAX_MESSAGE + 200
    assert record.check(line, 7)
    line = record.ok_line(REF, [Prediction(0, "é" * 100_000, 1.0)])
    assert len(line) < 6 * record.MAX_LABEL + 200


def test_the_canary_has_a_record() -> None:
    assert record.check(record.ok_line(CANARY, [Prediction(0, "ok", 1.0)]), CANARY.index)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_no_line_for_a_score_that_is_no_number(score: float) -> None:
    with pytest.raises(ImageError) as caught:
        record.ok_line(REF, [Prediction(0, "a", 0.5), Prediction(1, "b", score)])
    assert caught.value.kind == "bad_output"


@pytest.mark.parametrize(
    "extra",
    [
        {"worker": 1},
        {"width": 1.5},
        {"sha256": "abc"},
        {"margin": math.nan},
        {"width": -1},
        {"phash": "12"},
        {"captured": "yesterday"},
        {"gps": "1,2"},
    ],
)
def test_no_line_with_a_wrong_extra_key(extra: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        record.ok_line(REF, [Prediction(0, "a", 0.5)], extra)


def test_a_multi_label_image_may_have_no_class() -> None:
    line = record.ok_line(REF, [], {"margin": 0.25})
    checked = record.check(line, REF.index)
    assert checked is not None
    assert (checked.failed, checked.label) == (None, None)
    assert record.parse(line).top == ()


GOOD = (
    b'{"i":7,"path":"a","top":[{"index":0,"label":"x","score":0.500000}],'
    b'"error":{"kind":"","message":""}}'
)
BAD = {
    "empty": b"",
    "of another image": GOOD.replace(b"7", b"8"),
    "of an image with a longer number": GOOD.replace(b"7", b"77"),
    "zero in front": GOOD.replace(b"7", b"07"),
    "newline behind": GOOD + b"\n",
    "newline inside": GOOD.replace(b'"a"', b'"a\n"'),
    "blank": GOOD.replace(b",", b", "),
    "blank in front": b" " + GOOD,
    "two records": GOOD + GOOD,
    "key twice": GOOD.replace(b',"top"', b',"i":7,"top"'),
    "path twice": GOOD.replace(b',"top"', b',"path":"b","top"'),
    "key behind": GOOD[:-1] + b',"worker":1}',
    "extra key twice": GOOD[:-1] + b',"width":1,"width":1}',
    "extra keys in another order": GOOD[:-1] + b',"height":1,"width":1}',
    "NaN": GOOD.replace(b"0.500000", b"NaN"),
    "infinite": GOOD.replace(b"0.500000", b"Infinity"),
    "exponent": GOOD.replace(b"0.500000", b"5e-1"),
    "five decimals": GOOD.replace(b"0.500000", b"0.50000"),
    "seven decimals": GOOD.replace(b"0.500000", b"0.5000000"),
    "negative class": GOOD.replace(b'"index":0', b'"index":-1'),
    "a comma for a class": b'{"i":7,"path":"a","top":[,]}',
    "comma behind": GOOD.replace(b"}]", b"},]"),
    "a control character": GOOD.replace(b'"x"', b'"\x1b"'),
    "not ASCII": GOOD.replace(b'"x"', '"é"'.encode()),
    "DEL": GOOD.replace(b'"x"', b'"\x7f"'),
    "a lone surrogate": GOOD.replace(b'"x"', b'"\\ud800"'),
    "a lone low surrogate": GOOD.replace(b'"x"', b'"\\udc80"'),
    "surrogates in the wrong order": GOOD.replace(b'"x"', b'"\\udc00\\ud800"'),
    "an unknown escape": GOOD.replace(b'"x"', b'"\\q"'),
    "an open text": GOOD.replace(b'"x"', b'"x'),
    "both": GOOD.replace(b'"kind":""', b'"kind":"empty"'),
    "a message without a kind": GOOD.replace(b'"message":""', b'"message":"x"'),
    "unknown kind": b'{"i":7,"path":"a","top":[],"error":{"kind":"tired","message":""}}',
    "a failure with facts": b'{"i":7,"path":"a","top":[],"error":{"kind":"empty","message":""},'
    b'"width":1}',
    "no error": GOOD.replace(b',"error":{"kind":"","message":""}', b"") + b" ",
    "bytes of a good name": GOOD.replace(b'"a"', b'"a","path_b64":"YQ=="'),
    "bytes of another name": GOOD.replace(b'"a"', b'"a\\ufffd","path_b64":"Yv8="'),
    "not base64": GOOD.replace(b'"a"', b'"a","path_b64":"YQ="'),
    "too long": GOOD.replace(b'"x"', b'"' + b"x" * record.MAX_LINE + b'"'),
}


EARLIER = {
    b'{"i":7,"path":"a","top":[{"index":0,"label":"]x}","score":0.500000}]}': GOOD.replace(
        b'"x"', b'"]x}"'
    ),
    b'{"i":7,"path":"a","top":[],"margin":0.250000,"width":640}': (
        b'{"i":7,"path":"a","top":[],"error":{"kind":"","message":""},"margin":0.250000,"width":640}'
    ),
    b'{"i":7,"path":"\\",\\"error\\":{","top":[]}': (
        b'{"i":7,"path":"\\",\\"error\\":{","top":[],"error":{"kind":"","message":""}}'
    ),
    b'{"i":7,"path":"a","error":{"kind":"empty","message":"no bytes"}}': (
        b'{"i":7,"path":"a","top":[],"error":{"kind":"empty","message":"no bytes"}}'
    ),
}


@pytest.mark.parametrize("line", EARLIER)
def test_a_line_of_0_1_0_is_read_as_todays(line: bytes) -> None:
    assert record.check(line, 7) is None  # no worker may send it any more
    assert as_today(line) == EARLIER[line]
    assert record.parse(line) == record.parse(EARLIER[line])


@given(st.integers(0, 10**12), NAMES, PREDICTIONS, EXTRAS)
def test_todays_lines_are_left_as_they_are(
    index: int, name: bytes, predictions: list[Prediction], extra: dict[str, int | float | str]
) -> None:
    line = record.ok_line(ImageRef(index, os.fsdecode(name)), predictions, extra)
    assert as_today(line) == line
    known = {key: extra[key] for key in FACTS[: FACTS.index("phash")] if key in extra}
    line = record.ok_line(ImageRef(index, os.fsdecode(name)), predictions, known)
    earlier = line.replace(b',"error":{"kind":"","message":""}', b"")
    assert as_today(earlier) == line


def test_the_good_line_of_the_bad_ones() -> None:
    assert record.check(GOOD, 7)
    assert record.check(GOOD.replace(b'"a"', b'"a\\ufffd","path_b64":"Yf8="'), 7)


@pytest.mark.parametrize("what", BAD)
def test_bad_lines(what: str) -> None:
    assert record.check(BAD[what], 7) is None
    with pytest.raises(record.RecordError):
        record.parse(BAD[what] if not what.startswith("of an") else b"{}")


@settings(max_examples=150)
@given(PREDICTIONS, st.data())
def test_what_is_accepted_after_damage_is_still_one_record(
    predictions: list[Prediction], data: st.DataObject
) -> None:
    line = bytearray(record.ok_line(REF, predictions))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    if record.check(bytes(line), 7) is not None:
        found = strict(bytes(line))
        assert found["i"] == 7
        assert b"\n" not in line
        assert all(math.isfinite(p.score) for p in record.parse(bytes(line)).top)


@pytest.mark.parametrize(
    "evil",
    [
        b'{"i":7,"path":"' + b"\\u0041" * 100_000,
        b'{"i":7,"path":"' + b"a" * 1_000_000,
        b'{"i":7,"path":"a","top":[' + GOOD[25:67] * 20_000,
        b'{"i":7,"path":"a","top":[' + (GOOD[25:67] + b",") * 20_000,
    ],
)
def test_hostile_lines_are_refused_in_linear_time(evil: bytes) -> None:
    start = time.process_time()
    assert record.check(evil, 7) is None
    assert time.process_time() - start < 5.0  # what is quadratic takes many minutes
