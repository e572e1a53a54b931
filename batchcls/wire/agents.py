"""What an agent and the driver say to each other, as bytes. Pure; nothing is trusted upward.

A message is a line of JSON, and behind it what that announces. Downward: ``open`` (the job),
``piece`` (of a file), ``images`` (to look for), ``start`` and ``to`` (a worker), ``end``. Upward:
``hello``, ``need`` (a piece), ``unfit``, ``opened``, ``seen``, ``from`` (a worker, what it says),
``died``, ``counters``, ``log``. Both ways: ``beat``.
"""

import json
from collections.abc import Mapping
from typing import Any

from batchcls.images import ImageRef
from batchcls.messages import STAGES, WorkerDied
from batchcls.wire.frames import MAX_FRAME, frame
from batchcls.wire.protocol import ProtocolError, encode

MOST_WORKERS = 4096
"""On one machine."""

MOST_BYTES = 1 << 50
"""Of its memory."""

MOST_TEXT = 2000
"""Letters of a reason or a name that are believed."""

MAX_AGENT_FRAME = 2 * MAX_FRAME
"""Bytes: a worker's largest message, what was gathered before it, and what is put before both."""

PIECE = 1 << 20
"""Bytes of a file in one message."""

BEAT = frame(encode("beat"))


def message(kind: str, body: bytes | None = None, **content: Any) -> bytes:
    """A message as it goes on the wire."""
    head = encode(kind, **content)
    return frame(head if body is None else head + b"\n" + body, MAX_AGENT_FRAME)


def parse(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """The head and the body of a message.

    Raises:
        ProtocolError: it is none.
    """
    head_bytes, _, body = payload.partition(b"\n")
    try:
        head = json.loads(head_bytes)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("sent what is not a message") from error
    if not isinstance(head, dict) or not isinstance(head.get("t"), str):
        raise ProtocolError("sent what is not a message")
    return head, body


def number(head: Mapping[str, Any], key: str, most: int) -> int:
    """A whole number from 0 to `most`.

    Raises:
        ProtocolError: it is none.
    """
    value = head.get(key)
    if type(value) is not int or not 0 <= value <= most:
        raise ProtocolError(f"sent no number for {key}")
    return value


def text(head: Mapping[str, Any], key: str) -> str:
    """A text for people, on one line and not without end.

    Raises:
        ProtocolError: it is none.
    """
    value = head.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"sent no text for {key}")
    return " ".join(value[:MOST_TEXT].split())


def encode_death(worker: int, event: WorkerDied) -> bytes:
    """A worker's end, as it goes on the wire; `worker` is its number on its machine."""
    return message(
        "died", w=worker, cause=event.cause, timeout=event.timeout,
        in_flight=event.in_flight, stage=event.stage,
    )  # fmt: skip


def parse_death(
    worker: int, head: Mapping[str, Any], leased: Mapping[int, Mapping[int, ImageRef]]
) -> WorkerDied:
    """A worker's end, checked against the images it held.

    Args:
        head: of the message.
        leased: its leases: number → index → image, those not answered yet.

    Raises:
        ProtocolError: it blames an image that the worker did not hold.
    """
    held = {index for images in leased.values() for index in images}
    blamed, stage, timeout = head.get("in_flight"), head.get("stage"), head.get("timeout")
    if not isinstance(blamed, list) or not all(type(i) is int and i in held for i in blamed):
        raise ProtocolError("blamed an image that it was not given")
    if type(timeout) is not bool or stage not in ("", *STAGES):
        raise ProtocolError("sent a death of no known kind")
    return WorkerDied(
        worker, text(head, "cause"), timeout=timeout, in_flight=tuple(sorted(blamed)), stage=stage
    )
