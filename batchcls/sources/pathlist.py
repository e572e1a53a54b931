"""Lists of paths and URLs, in a file or on standard input: one a line, or separated by NULs.

A last line without its newline is taken from a file as it is. From standard input it may be the
half of a path that a killed `find` left behind, so it is taken only if such a file exists.
"""

import codecs
import os
from collections.abc import Iterator
from typing import IO

from batchcls.errors import SourceError
from batchcls.sources.url_names import shown

MAX_PATH = 1 << 16
BLOCK = 1 << 16
BOM = b"\xef\xbb\xbf"


def read_list(
    file: IO[bytes], name: str, *, null_separated: bool, may_be_cut: bool = False
) -> Iterator[bytes]:
    """Paths of a list, in its order, without empty lines and carriage returns before newlines.

    Args:
        file: open for reading bytes.
        name: of the list, for messages.
        null_separated: separated by NUL and otherwise taken as they are.
        may_be_cut: a last path without separator must exist (standard input).

    Raises:
        SourceError: it is not such a list, or it seems to end in the middle of a path.
    """
    separator = b"\0" if null_separated else b"\n"
    rest = b""
    first = True
    while block := _read(file, name):
        if first and not null_separated:
            if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise SourceError(f"{name} is UTF-16 text; save it as UTF-8, one path per line")
            block = block.removeprefix(BOM)
        first = False
        if not null_separated and b"\0" in block:
            raise SourceError(
                f"{name} contains NUL bytes, so it does not hold one path per line; "
                "if its paths are separated by NUL, add `-0`"
            )
        paths = (rest + block).split(separator)
        rest = paths.pop()
        if len(rest) > MAX_PATH:
            raise SourceError(
                f"{name} is not a list of paths: one is longer than {MAX_PATH:,} bytes"
                + ("; if it holds one path per line, leave out `-0`" if null_separated else "")
            )
        for path in paths:
            if path := (path if null_separated else path.removesuffix(b"\r")):
                yield path
    if not null_separated:
        rest = rest.removesuffix(b"\r")
    if rest:
        _check_last(rest, name, separator, may_be_cut=may_be_cut)
        yield rest


def _read(file: IO[bytes], name: str) -> bytes:
    try:
        return file.read(BLOCK)
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror or error}") from error


def _check_last(path: bytes, name: str, separator: bytes, *, may_be_cut: bool) -> None:
    if separator == b"\0" and b"\n" in path:
        raise SourceError(
            f"{name} contains newlines and does not end with a NUL; "
            "if it holds one path per line, leave out `-0`"
        )
    if may_be_cut and not os.path.lexists(path):
        raise SourceError(
            f"{name} ends in the middle of a path, without a separator, and there is no such file: "
            f"{shown(os.fsdecode(path))!r}; the program that writes the list was probably cut off"
        )
