"""Messages survive any way of cutting the stream, and no length is believed beyond the cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.wire.frames import MAX_FRAME, FrameError, FrameReader, frame

MESSAGES = [b"", b"x", b"\n", b'{"t":"lines"}\n' * 50, bytes(range(256))]


def test_messages_come_out_when_the_stream_is_fed_byte_by_byte() -> None:
    reader = FrameReader()
    stream = b"".join(map(frame, MESSAGES))
    out = [m for i in range(len(stream)) for m in reader.feed(stream[i : i + 1])]
    assert out == MESSAGES


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 400), min_size=1))
def test_messages_come_out_however_the_stream_is_cut(
    messages: list[bytes], sizes: list[int]
) -> None:
    reader = FrameReader()
    stream = b"".join(map(frame, messages))
    out: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        out += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert out == messages


def test_a_length_over_the_cap_is_an_error_before_its_bytes_arrive() -> None:
    with pytest.raises(FrameError, match="4294967295"):
        FrameReader().feed(b"\xff\xff\xff\xff")


def test_a_message_over_the_cap_is_not_sent() -> None:
    with pytest.raises(FrameError):
        frame(bytes(MAX_FRAME + 1))
