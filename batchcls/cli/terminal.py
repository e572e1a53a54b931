"""What the command line writes: text for people, made safe, to whatever is at the other end."""

import json
import os
import sys
from typing import Any, TextIO

from batchcls.display.text import safe


def print_result(text: str) -> None:
    """Write lines to standard output.

    A reader that has left (``| head -1``) is no error.

    Raises:
        OSError: it cannot be written otherwise: a full disk.
    """
    error = _write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise OSError(error.errno, f"cannot write to standard output: {error.strerror}")


def print_note(text: str) -> None:
    """Write lines to standard error, or nowhere if that is impossible."""
    _write(sys.stderr, text)


def print_json(data: Any) -> None:
    """Write data as JSON, indented, in ASCII."""
    print_result(json.dumps(data, indent=2))


def close_quietly(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, because its reader is gone.

    The interpreter flushes once more when it ends; that must not fail again.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _write(stream: TextIO | None, text: str) -> OSError | None:
    # Python leaves None where the process was started without that descriptor.
    if stream is None or stream.closed:
        return None
    lines = "\n".join(safe(line) for line in text.split("\n")) + "\n"
    try:
        stream.write(lines.encode(stream.encoding, "backslashreplace").decode(stream.encoding))
        stream.flush()
    except OSError as error:
        close_quietly(stream)
        return error
    return None
