"""Launchers: agents come, speak and go, whatever else is printed, and none outlives the end."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchcls.backends import stream
from batchcls.backends.stream import StreamTransport
from batchcls.backends.transport import Arrival, Closed, Opened, Received
from batchcls.errors import SetupError
from tests.support.processes import PATIENCE_S, gone_within

pytestmark = pytest.mark.runs

AGENT = """
import sys, time
from batchcls.wire.lines import LineReader, LineWriter, Piece
out, read = sys.stdout.buffer, LineReader().feed
def say(*lines):
    for line in lines:
        out.write(line)
    out.flush()
def heard(who):
    for line in sys.stdin.buffer:
        for piece in read(line):
            if isinstance(piece, Piece) and piece.who == who:
                yield piece.data
"""

Start = Callable[..., StreamTransport]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    opened: list[StreamTransport] = []

    def started(*programs: str) -> StreamTransport:
        launchers = [[sys.executable, "-c", AGENT + program] for program in programs]
        transport = StreamTransport(launchers, tmp_path / "log", ["agent"])
        opened.append(transport)
        transport.open()
        return transport

    yield started
    for transport in opened:
        transport.close()


def hear(transport: StreamTransport, enough: Callable[[list[Arrival]], bool]) -> list[Arrival]:
    """What arrives until it is enough."""
    arrivals: list[Arrival] = []
    until = time.monotonic() + PATIENCE_S
    while not enough(arrivals):
        assert time.monotonic() < until, arrivals
        arrivals += transport.receive(0.1)
    return arrivals


def closed(arrivals: list[Arrival]) -> bool:
    return any(isinstance(arrival, Closed) for arrival in arrivals)


def test_agents_of_one_launcher_are_told_apart(start: Start) -> None:
    transport = start(
        """
a, b = LineWriter("aa"), LineWriter("bb")
print("Welcome", flush=True)
say(*a.write(b"one"), *b.write(b"two"), *a.write(b"three"))
for data in heard("bb"):
    say(*b.write(data[::-1]))
    break
say(a.end(), b.end())
time.sleep(60)
"""
    )
    assert transport.expecting
    arrivals = hear(transport, lambda found: len(found) >= 5)
    assert arrivals == [
        Opened(1), Received(1, b"one"), Opened(2), Received(2, b"two"), Received(1, b"three"),
    ]  # fmt: skip
    transport.send(1, b"for nobody who listens")
    transport.send(2, b"abc\n")
    arrivals = hear(transport, lambda found: len(found) >= 3)
    assert arrivals == [Received(2, b"\ncba"), Closed(1, "it ended"), Closed(2, "it ended")]
    transport.send(2, b"too late")


def test_a_piece_that_is_missing_is_the_end(start: Start) -> None:
    transport = start(
        """
a = LineWriter("aa")
one, two, three = a.write(b"one"), a.write(b"two"), a.write(b"three")
say(*one, *three, *two)
time.sleep(60)
"""
    )
    arrivals = hear(transport, closed)
    assert arrivals[1:] == [
        Received(1, b"one"), Closed(1, "a piece of its stream is missing"),
    ]  # fmt: skip
    assert transport.receive(0.1) == [], "what it says later is not heard"


def test_the_end_of_a_launcher_is_that_of_its_agents(start: Start) -> None:
    transport = start(
        """
say(*LineWriter("aa").write(b"one"))
print("node1: Connection reset by peer", file=sys.stderr)
sys.exit(255)
"""
    )
    last = hear(transport, closed)[-1]
    assert isinstance(last, Closed)
    assert "exit status 255: node1: Connection reset by peer" in last.cause
    assert not transport.expecting
    assert "exit status 255" in transport.trouble


def test_a_dropped_agent_is_not_heard_and_its_launcher_ends_in_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
a = LineWriter("aa")
say(*a.write(b"one"))
for data in heard("aa"):
    if not data:
        say(*a.write(b"late"))
time.sleep(60)
"""
    transport = start(program)
    hear(transport, lambda found: len(found) >= 2)
    transport.drop(1)
    assert transport.receive(0.3) == []
    assert transport.expecting, "others may be on their way"
    monkeypatch.setattr(stream, "TOGETHER_S", 0.0)
    assert not transport.expecting
    other = start(program)
    hear(other, lambda found: len(found) >= 2)
    (launcher,) = other._launchers
    other.drop(1)
    assert gone_within([launcher.popen.pid], 10)


def test_a_launcher_that_has_no_agent_yet_is_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TOGETHER_S", 0.0)
    transport = start("time.sleep(60)")
    transport.receive(0.1)
    assert transport.expecting


@pytest.mark.parametrize(
    "program",
    [
        "time.sleep(60)",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "import subprocess; subprocess.Popen(['sleep', '60']); time.sleep(60)",
    ],
    ids=["of a program", "of one that ignores SIGTERM", "of one with a child"],
)
def test_none_outlives_the_end(start: Start, program: str) -> None:
    transport = start(program, program)
    transport.receive(1.0)
    pids = [launcher.popen.pid for launcher in transport._launchers]
    began = time.monotonic()
    transport.close()
    assert gone_within(pids, 1)
    assert time.monotonic() - began < PATIENCE_S


def test_a_launcher_that_does_not_exist_is_named(tmp_path: Path) -> None:
    transport = StreamTransport([["no-such-launcher", "-x"]], tmp_path / "log")
    with pytest.raises(SetupError, match="no-such-launcher cannot be started: No such file"):
        transport.open()


def test_what_is_not_taken_yet_waits(start: Start) -> None:
    transport = start(
        """
a = LineWriter("aa")
say(*a.write(b"one"))
time.sleep(0.5)
total = 0
for data in heard("aa"):
    total += len(data)
    if total == 3000000:
        say(*a.write(b"all"))
"""
    )
    hear(transport, lambda found: len(found) >= 2)
    for _ in range(3):
        transport.send(1, bytes(1_000_000))
    assert hear(transport, bool) == [Received(1, b"all")]
