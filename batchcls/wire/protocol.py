"""What a worker and its coordinator say to each other, as bytes. Pure; nothing is trusted upward.

A message is one line of JSON, and behind it, for answers, the records, a line each. Downward:
``start`` (the job), ``lease``, ``stop``. Upward: ``ready``, ``refused``, ``lines``, ``counters``.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from batchcls.images import ImageRef
from batchcls.messages import (
    CANARY,
    RECENT,
    STAGES,
    Answer,
    Answered,
    Checks,
    Event,
    LayerTime,
    Lease,
    WorkerReady,
    WorkerRefused,
    WorkerStats,
)
from batchcls.results import record
from batchcls.wire import leased

NOTES, NOTE_LENGTH = 4, 1000
"""At most so many, of so many letters, are taken from one message."""

MOST = 1e12
"""Numbers for people are below it."""


class ProtocolError(ValueError):
    """A worker sent what no worker of ours would: it is broken or hostile, and must go."""


def _reject_constant(text: str) -> float:
    raise ProtocolError(f"sent {text} for a number")


def _finite(text: str) -> float:
    """A number as JSON has it; ``1e999`` is valid there, and infinity here."""
    value = float(text)
    if math.isinf(value):
        _reject_constant(text[:20])
    return value


# ---- downward (the coordinator is trusted)


def encode(kind: str, **content: Any) -> bytes:
    """A message without records."""
    return json.dumps({"t": kind, **content}, separators=(",", ":")).encode()


def encode_lease(lease: Lease) -> bytes:
    """A lease as a worker gets it; its images are of one inputs list."""
    return encode("lease", id=lease.lease, **leased.to_json(lease.images))


def decode_lease(message: Mapping[str, Any]) -> tuple[int, list[ImageRef]]:
    """The lease number and its images."""
    images = leased.from_json(message)
    return message["id"], [CANARY if i.index == CANARY.index else i for i in images]


# ---- upward


def encode_answers(lease: int, answers: Sequence[Answer], stats: WorkerStats | None) -> bytes:
    """Answers to images of one lease, with what the worker did meanwhile."""
    head: dict[str, Any] = {"t": "lines", "lease": lease, "i": [a.index for a in answers]}
    if stats is not None:
        head["stats"] = {
            "images": dict(stats.images),
            "latency": {k: round(v, 6) for k, v in stats.latency.items()},
            "in_flight": dict(stats.in_flight),
            "spent": {k: round(v, 6) for k, v in stats.spent.items()},
            "rss": stats.rss,
        }
        if stats.checks:
            head["stats"]["checks"] = dict(stats.checks)
        if stats.notes:
            head["stats"]["notes"] = list(stats.notes)
    lines = [json.dumps(head, separators=(",", ":")).encode(), *(a.line for a in answers)]
    return b"\n".join(lines)


def parse(worker: int, payload: bytes, held: Mapping[int, Mapping[int, ImageRef]]) -> Event:
    """A worker's message, checked against the images it holds.

    Args:
        held: its leases: number → index → image, those not answered yet.

    Raises:
        ProtocolError: anything that an intact worker would not send.
    """
    head_bytes, _, body = payload.partition(b"\n")
    head = _head(head_bytes)
    match head.get("t"):
        case "ready" if isinstance(head.get("description"), dict):
            return WorkerReady(worker, head["description"])
        case "refused" if isinstance(head.get("message"), str):
            return WorkerRefused(worker, str(head.get("error")), head["message"])
        case "lines":
            return _answered(worker, head, body, held)
    raise ProtocolError("sent a message of no known kind")


def parse_counters(payload: bytes) -> list[dict[str, Any]] | None:
    """The per-layer counters of a worker that leaves, None if the message is another.

    Raises:
        ProtocolError: it is none that an intact worker would send.
    """
    if not payload.startswith(b'{"t":"counters"'):
        return None
    return layer_rows(_head(payload, float).get("rows"))


def layer_rows(rows: Any) -> list[dict[str, Any]]:
    """Per-layer counters: of each row the numbers and texts that look like `LayerTime`'s.

    Raises:
        ProtocolError: they are no rows.
    """
    if not isinstance(rows, list):
        raise ProtocolError("sent counters without rows")
    return [_layer_row(row) for row in rows if isinstance(row, dict)]


def _layer_row(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name: row[field.name] for field in fields(LayerTime) if field.name in row}
    texts = {k: text[:NOTE_LENGTH] for k, text in known.items() if isinstance(text, str)}
    numbers = {k: v for k, v in known.items() if type(v) in (int, float) and 0 <= v < MOST}
    return {**texts, **numbers}


def _head(data: bytes, number: Callable[[str], float] = _finite) -> dict[str, Any]:
    try:
        head = json.loads(data, parse_constant=_reject_constant, parse_float=number)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("sent what is not a message") from error
    if not isinstance(head, dict):
        raise ProtocolError("sent what is not a message")
    return head


def _answered(
    worker: int,
    head: Mapping[str, Any],
    body: bytes,
    held: Mapping[int, Mapping[int, ImageRef]],
) -> Answered:
    lease, indices = head.get("lease"), head.get("i")
    images = held.get(lease) if isinstance(lease, int) else None
    if images is None or not isinstance(lease, int) or not isinstance(indices, list):
        raise ProtocolError("answered a lease it does not hold")
    lines = body.split(b"\n") if indices else []
    if len(lines) != len(indices) or len(set(map(repr, indices))) != len(indices):
        raise ProtocolError("sent another number of records than it announced")
    answers = []
    for index, line in zip(indices, lines, strict=True):
        image = images.get(index) if type(index) is int else None
        if image is None:
            raise ProtocolError("answered an image that it was not given")
        answers.append(_answer(image, line))
    return Answered(worker, lease, tuple(answers), _stats(head.get("stats")))


def _answer(image: ImageRef, line: bytes) -> Answer:
    checked = record.check(line, image.index)
    if checked is None or not line.startswith(record.head(image)):
        raise ProtocolError("sent what is not the record of its image")
    return Answer(image.index, line, checked.failed, checked.label)


def _stats(data: Any) -> WorkerStats | None:
    """Numbers for the display; what does not look like them is left out."""
    if not isinstance(data, dict):
        return None
    rss = data.get("rss")
    return WorkerStats(
        images={k: int(v) for k, v in _numbers(data.get("images")).items()},
        latency=_numbers(data.get("latency")),
        in_flight={k: int(v) for k, v in _numbers(data.get("in_flight")).items()},
        spent={k: v for k, v in _numbers(data.get("spent")).items() if k in STAGES},
        rss=rss if type(rss) is int and 0 <= rss < 1 << 50 else 0,
        notes=_notes(data.get("notes")),
        checks=_checks(data.get("checks")),
    )


def _checks(data: Any) -> dict[str, Checks]:
    if not isinstance(data, dict):
        return {}
    forms = [int, int, int, int, bool, list]
    found = {}
    for device, said in list(data.items())[:64]:
        if isinstance(said, list) and [type(value) for value in said] == forms:
            lowest, passed, clear, agreed, fails, recent = said
            if len(recent) <= RECENT and all(type(index) is int for index in recent):
                checks = Checks(lowest, passed, clear, agreed, fails, tuple(recent))
                found[str(device)[:64]] = checks
    return found


def _notes(data: Any) -> tuple[str, ...]:
    if not isinstance(data, list):
        return ()
    return tuple(text[:NOTE_LENGTH] for text in data[:NOTES] if isinstance(text, str))


def _numbers(data: Any) -> dict[str, float]:
    if not isinstance(data, dict) or len(data) > 64:
        return {}
    return {
        str(k)[:64]: float(v) for k, v in data.items() if type(v) in (int, float) and 0 <= v < MOST
    }
