"""Reads back a failed image's line for the display: path, kind, message. Pure, forgiving."""

import base64
import binascii
import json
import os

from batchcls.display.snapshot import FailedImage
from batchcls.display.text import safe
from batchcls.messages import Answer

TEXT_LENGTH = 500


def read_failed(answer: Answer) -> FailedImage:
    """The failure in an answer's line; a line that cannot be read still shows its kind."""
    path = message = ""
    try:
        record = json.loads(answer.line)
        path = _path(record)
        message = str(record["error"]["message"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        message = message or "(its line cannot be shown)"
    return FailedImage(
        index=answer.index,
        path=safe(path[-TEXT_LENGTH:]),
        kind=answer.failed or "",
        message=safe(message[:TEXT_LENGTH]),
    )


def _path(record: dict[str, object]) -> str:
    raw = record.get("path_b64")
    if isinstance(raw, str):
        try:
            return os.fsdecode(base64.b64decode(raw, validate=True))
        except binascii.Error:
            pass
    return str(record["path"])
