"""A byte stream as lines among others."""

import random
import zlib

import pytest

from batchcls.wire.lines import ROOM, Foreign, LineReader, LineWriter, Piece


def test_any_bytes_come_back_in_lines_that_slurm_leaves_whole() -> None:
    chance = random.Random(1)
    alphabet = [b"\x01", b"\n", b"\r", b"\0", b"A", b"B", b"\xff", b" ", b"\x01A"]
    for size in (0, 1, ROOM - 1, ROOM, ROOM + 1, 5000):
        data = b"".join(chance.choices(alphabet, k=size))
        lines = LineWriter("abc123").write(data)
        assert all(len(line) <= 1000 and line.count(b"\n") == 1 for line in lines)
        pieces = list(LineReader().feed(b"".join(lines)))
        assert b"".join(piece.data for piece in pieces if isinstance(piece, Piece)) == data
        assert [p.number for p in pieces if isinstance(p, Piece)] == list(range(len(lines)))


def test_streams_are_told_apart_however_they_are_cut() -> None:
    first, second = LineWriter("a1"), LineWriter("b2")
    mixed = b"".join(
        line
        for n in range(50)
        for line in (*first.write(b"%d\n" % n), b"0: hello\n", *second.write(b"-%d" % n))
    )
    reader, heard = LineReader(), dict.fromkeys(("a1", "b2"), b"")
    foreign = 0
    for at in range(0, len(mixed), 7):
        for found in reader.feed(mixed[at : at + 7]):
            if isinstance(found, Foreign):
                foreign += 1
            else:
                heard[found.who] += found.data
    assert heard["a1"] == b"".join(b"%d\n" % n for n in range(50))
    assert heard["b2"] == b"".join(b"-%d" % n for n in range(50))
    assert foreign == 50


def test_labels_before_a_line_are_overlooked() -> None:
    (line,) = LineWriter("a").write(b"x")
    assert list(LineReader().feed(b"3: " + line)) == [Piece("a", 0, b"x")]


@pytest.mark.parametrize("place", range(24))
def test_a_damaged_line_is_nobodys(place: int) -> None:
    (line,) = LineWriter("a").write(b"0123456789")
    damaged = bytearray(line)
    damaged[place] ^= 0x04
    (found,) = LineReader().feed(bytes(damaged))
    assert isinstance(found, Foreign)


def test_the_end_is_a_line_without_content() -> None:
    writer = LineWriter("a")
    writer.write(b"x")
    assert list(LineReader().feed(writer.end())) == [Piece("a", 1, b"")]


def test_bytes_without_an_end_of_line_are_not_waited_for_without_end() -> None:
    reader = LineReader()
    found = [one for _ in range(10) for one in reader.feed(b"x" * 10_000)]
    assert [type(one) for one in found] == [Foreign]


@pytest.mark.parametrize(
    "body", [b"x", b"", b"a 0", b"a x y", b"a  y", b"\xff 0 y"], ids=lambda body: repr(body)
)
def test_a_line_with_a_right_checksum_that_says_nothing_is_nobodys(body: bytes) -> None:
    line = b"bc1 %08x %s" % (zlib.crc32(body), body)
    assert list(LineReader().feed(line + b"\n")) == [Foreign(line)]
