"""Owns writing to the terminal or pipe: a stream that falls silent instead of failing.

Rules of this file:

1. No write ever raises. After the first failure (broken pipe, closed stream, terminal gone) nothing
   is written any more.
2. Where the stream has a file descriptor, bytes go straight to it. A thread that is blocked there
   (Ctrl-S, a stalled ssh) then holds no lock of Python's own streams, which the end of the
   interpreter would wait for.
"""

import os
from contextlib import suppress
from typing import TextIO

DEFAULT_SIZE = (80, 24)


class QuietStream:
    """The writing side of a display; enough of a text stream for Rich and tqdm.

    Args:
        stream: standard output or error, or any text stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self.silent = False
        self._fd = -1
        with suppress(OSError, ValueError):  # StringIO has none; a closed stream neither
            stream.flush()
            self._fd = stream.fileno()

    def write(self, text: str) -> int:
        """Write everything, or fall silent."""
        if not self.silent:
            try:
                if self._fd < 0:
                    self._stream.write(text)
                else:
                    self._write_bytes(text.encode(self.encoding, "replace"))
            except (OSError, ValueError):
                self.silent = True
        return len(text)

    def flush(self) -> None:
        """Nothing is held back, except by a stream without a descriptor."""
        if self._fd < 0 and not self.silent:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.silent = True

    def isatty(self) -> bool:
        """Whether a terminal is at the other end."""
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """The descriptor.

        Raises:
            OSError: there is none.
        """
        if self._fd < 0:
            raise OSError("no file descriptor")
        return self._fd

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal now."""
        try:
            columns, lines = os.get_terminal_size(self._fd)
        except (OSError, ValueError):
            return DEFAULT_SIZE
        return columns or DEFAULT_SIZE[0], lines or DEFAULT_SIZE[1]

    @property
    def in_background(self) -> bool:
        """Another job has the terminal (Ctrl-Z, bg): drawing would spoil its screen."""
        try:
            return os.tcgetpgrp(self._fd) != os.getpgrp()
        except OSError:  # no terminal, or not the one that controls this session
            return False

    def _write_bytes(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
