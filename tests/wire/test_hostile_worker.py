"""Whatever a worker sends, wrong data is never accepted and nothing is unpickled."""

import json
import os
import pickle
import random
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from batchcls.images import Failure, ImageRef, Prediction
from batchcls.messages import Answer, Answered, WorkerStats
from batchcls.results import record
from batchcls.wire import protocol
from batchcls.wire.frames import FrameError, FrameReader, frame
from tests.support.harness import check_lines, run_faulty

LEASED = {
    7: {i: ImageRef(i, f"a{i}.jpg") for i in range(3)},
    8: {9: ImageRef(9, "b.jpg")},
}


def good_line(index: int) -> bytes:
    image = LEASED[8][9] if index == 9 else LEASED[7][index]
    return record.ok_line(image, (Prediction(1, "cat", 0.5), Prediction(0, "dog", 0.25)))


def good_message() -> bytes:
    answers = [Answer(i, good_line(i)) for i in range(3)]
    return protocol.encode_answers(7, answers, WorkerStats({"CPU": 3}, {"CPU": 0.1}, rss=5))


def raw(head: Any, *lines: bytes) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return b"\n".join([text, *lines])


def test_what_a_worker_of_ours_sends_is_understood() -> None:
    event = protocol.parse(1, good_message(), LEASED)
    assert isinstance(event, Answered)
    assert [a.index for a in event.answers] == [0, 1, 2]
    assert [a.label for a in event.answers] == ["cat"] * 3
    assert event.stats == WorkerStats({"CPU": 3}, {"CPU": 0.1}, {}, {}, 5)


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/batchcls-unpickled",)


HOSTILE = {
    "nothing": b"",
    "pickle": pickle.dumps(Exploit()),
    "no JSON": b"hello\n",
    "a list": b"[1,2]",
    "deep nesting": b"[" * 100_000,
    "unknown kind": raw({"t": "exec"}),
    "a lease of nobody": raw({"t": "lines", "lease": 99, "i": [0]}, good_line(0)),
    "another lease's image": raw({"t": "lines", "lease": 8, "i": [0]}, good_line(0)),
    "lease as text": raw({"t": "lines", "lease": "7", "i": [0]}, good_line(0)),
    "lease as list": raw({"t": "lines", "lease": [7], "i": [0]}, good_line(0)),
    "index as float": raw({"t": "lines", "lease": 7, "i": [0.0]}, good_line(0)),
    "index as bool": raw({"t": "lines", "lease": 7, "i": [True]}, good_line(1)),
    "twice the same": raw({"t": "lines", "lease": 7, "i": [0, 0]}, good_line(0), good_line(0)),
    "more lines": raw({"t": "lines", "lease": 7, "i": [0]}, good_line(0), good_line(1)),
    "fewer lines": raw({"t": "lines", "lease": 7, "i": [0, 1]}, good_line(0)),
    "NaN": raw({"t": "lines", "lease": 7, "i": [0]}, good_line(0).replace(b"0.500000", b"NaN")),
    "a neighbour's line": raw({"t": "lines", "lease": 7, "i": [0]}, good_line(1)),
    "another path": raw(
        {"t": "lines", "lease": 7, "i": [0]}, good_line(0).replace(b"a0.jpg", b"a1.jpg")
    ),
    "a second object": raw({"t": "lines", "lease": 7, "i": [0]}, good_line(0) + good_line(0)),
    "an escape": raw(
        {"t": "lines", "lease": 7, "i": [0]}, good_line(0).replace(b"cat", b"\x1b[2J")
    ),
    "infinity in the head": raw(b'{"t":"ready","description":{"echo":1e999}}'),
    "NaN in the head": raw(b'{"t":"lines","lease":7,"i":[NaN]}', good_line(0)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_honest_message_is_refused(what: str) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.parse(1, HOSTILE[what], LEASED)


def test_hostile_statistics_are_left_out() -> None:
    head = {
        "t": "lines", "lease": 7, "i": [],
        "stats": {"rss": -1, "images": {"x": "y"}, "latency": [1], "spent": {"evil": 1, "read": 2}},
    }  # fmt: skip
    event = protocol.parse(1, raw(head), LEASED)
    assert isinstance(event, Answered)
    assert event.stats == WorkerStats(spent={"read": 2.0})


COUNTERS = b'{"t":"counters","rows":'


@pytest.mark.parametrize(
    "message",
    [
        b'{"t":"counters"', b'{"t":"counters"}', COUNTERS + b"7}", COUNTERS + b"{}}",
        COUNTERS + b'[{"real_ms":NaN}]}', COUNTERS + b"[" * 100_000, COUNTERS + b'["\xff"]}',
    ],
)  # fmt: skip
def test_counters_that_are_none_are_refused(message: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.parse_counters(message)


def test_of_counters_what_looks_like_them_is_believed() -> None:
    good = {"device": "CPU", "name": "conv", "real_ms": 1.5, "count": 2}
    odd = {"name": "x" * 10**5, "type": [[]], "cpu_ms": -1, "real_ms": 10**400, "count": True}
    rows = [good, {**good, "evil": {}}, odd, "x", None]
    infinite = json.dumps(rows).encode()[:-1] + b',{"count":1e999}]}'
    assert protocol.parse_counters(COUNTERS + infinite) == [
        good, good, {"name": "x" * protocol.NOTE_LENGTH}, {},
    ]  # fmt: skip


def test_notes_are_texts_and_few() -> None:
    notes = ["the model is odd", 1, None, "x" * 10**6, *["more"] * 100]
    head = {"t": "lines", "lease": 7, "i": [], "stats": {"notes": notes}}
    event = protocol.parse(1, raw(head), LEASED)
    assert isinstance(event, Answered)
    assert event.stats is not None
    assert event.stats.notes[0] == "the model is odd"
    assert sum(map(len, event.stats.notes)) <= protocol.NOTES * protocol.NOTE_LENGTH
    for odd in ("text", {"a": 1}, 7, None):
        head = {"t": "lines", "lease": 7, "i": [], "stats": {"notes": odd}}
        event = protocol.parse(1, raw(head), LEASED)
        assert isinstance(event, Answered)
        assert event.stats == WorkerStats()


def mutate(message: bytes, chance: random.Random) -> bytes:
    data = bytearray(message)
    for _ in range(chance.choice([1, 1, 2, 8])):
        kind = chance.randrange(4)
        at = chance.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at:at] = chance.randbytes(chance.randrange(1, 20))
        elif kind == 2:
            del data[at : at + chance.randrange(1, 30)]
        else:
            other = chance.choice(list(HOSTILE.values()))[:200]
            data[at : at + len(other)] = other
    return bytes(data)


@pytest.mark.runs
def test_twenty_thousand_hostile_messages_change_nothing_and_memory_stays_flat() -> None:
    unpickled: list[str] = []
    sys.addaudithook(
        lambda name, args: unpickled.append(name) if name == "pickle.find_class" else None
    )
    chance = random.Random(20)
    message = good_message()
    honest = {i: good_line(i) for i in range(3)}
    accepted = refused = 0
    tracemalloc.start()
    reader = FrameReader()
    for n in range(20_000):
        if n % 7 == 1:
            reader = FrameReader()  # what came without a length may have announced megabytes
        payload = chance.randbytes(chance.randrange(300)) if n % 5 == 0 else mutate(message, chance)
        try:
            for part in reader.feed(frame(payload) if n % 7 else payload):
                event = protocol.parse(1, part, LEASED)
                if isinstance(event, Answered):
                    for answer in event.answers:
                        checked = record.parse(answer.line)  # strict, and it is that image's
                        assert checked.index == answer.index
                        assert answer.line.startswith(honest[answer.index][:22])
                accepted += 1
        except (protocol.ProtocolError, FrameError):
            refused += 1
            reader = FrameReader()  # the worker is killed; the next one starts afresh
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert unpickled == []
    assert refused > 19_000
    assert peak < 32 << 20


HONEST = [f"ok.{n}" for n in range(40)]


@pytest.mark.runs
@pytest.mark.parametrize(
    "how", ["random", "giant", "foreign", "nan", "pickle", "twice", "half", "silent", "wordy"]
)
def test_a_hostile_worker_is_killed_and_its_lease_done_again(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE", how)
    outcome = run_faulty(tmp_path, HONEST, timeout_s=1.0, module="tests.support.hostile_worker")
    check_lines(outcome, HONEST, {})
    assert not Path("/tmp/batchcls-unpickled").exists()
    assert any(death.cause != "exit status 0" for death in outcome.deaths)


def test_failures_are_lines_too() -> None:
    line = record.failure_line(LEASED[7][0], Failure("truncated", "ends early"))
    event = protocol.parse(1, protocol.encode_answers(7, [Answer(0, line)], None), LEASED)
    assert isinstance(event, Answered)
    assert event.answers[0].failed == "truncated"
