"""Refuses a list none of whose first paths exists, and says what it may be instead.

One missing image among many is that image's line. Where there is nothing but missing ones, the list
holds more than paths, or they are relative to another folder: a night would be lost.
"""

import errno
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from batchcls.errors import SourceError
from batchcls.images import is_stored
from batchcls.job.paths import absolute
from batchcls.sources.url_names import is_url, shown

LOOKED_AT = 1000
TRIED = 20
SEPARATOR = re.compile(rb"[\t ,;|]")


def require_some(paths: Iterator[bytes], name: str, file: Path | None) -> Iterator[bytes]:
    """The paths of a list, one of the first of which exists, or may exist, as a URL.

    Args:
        paths: of the list.
        name: of the list, for messages.
        file: that holds it; None for standard input.

    Raises:
        SourceError: there are some, and none of the first 1,000 exists.
    """
    first: list[bytes] = []
    for path in paths:
        first.append(path)
        if _exists(path):
            break
        if len(first) == LOOKED_AT:
            raise SourceError(_explain(first, name, file))
    else:
        if first:
            raise SourceError(_explain(first, name, file))
    return chain(first, paths)


def _exists(path: bytes) -> bool:
    if is_url(path):
        return True
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:  # no permission, a disk that fails: each image will say so
        return error.errno != errno.ENAMETOOLONG
    return True


def instead_of_url(word: str) -> str:
    """What to name instead of a URL, for a message; empty if it is none."""
    scheme, mark, rest = word.partition("://")
    if not mark or not scheme.isalnum():
        return ""
    if scheme.lower() in ("http", "https"):
        return (
            "put it on a list of URLs, one per line, that begin with http:// or https://, and name "
            "that list: @urls.txt"
        )
    if is_stored(word):
        return "name the bucket or its prefix itself as the source: s3://BUCKET/PREFIX"
    if scheme.lower() != "file":
        return "batchcls reads files: download them, or mount the storage that holds them"
    from urllib.parse import unquote  # rarely needed, and not free to import

    return f"name it by its path: /{unquote(rest.partition('/')[2])}"


def _explain(first: list[bytes], name: str, file: Path | None) -> str:
    here = os.fsencode(absolute(""))
    beside = here if file is None else os.fsencode(absolute(file).parent)
    for line in first[:TRIED]:
        if found := _more_than_a_path(line, file, (here, beside)):
            return f"{name} holds more than paths: {found}"
        if (inner := _unquoted(line)) != line and _exists(inner):
            command = _command(f"tr -d {shlex.quote(chr(line[0]))} <", file)
            return f"{name} holds paths in quotes: {shown(os.fsdecode(line))}; remove them{command}"
        if _exists(os.path.join(beside, line)):  # noqa: PTH118 - raw bytes
            folder = os.fsdecode(beside)
            return (
                f"{name} holds paths like {os.fsdecode(line)}, which is in {folder} and not in "
                f"{os.fsdecode(here)}; run batchcls in {folder}, or write the paths in full"
            )
    paths = f"the first {LOOKED_AT:,} paths" if len(first) == LOOKED_AT else "its paths"
    example = os.fsdecode(first[0])
    named = shown(example)
    if instead := instead_of_url(example):
        if example.startswith("file:///") and not any(b"%" in line for line in first):
            instead += _command("sed 's|^file://||'", file)
        return f"{name} holds URLs, the first being {named}; {instead}"
    if example.startswith("/"):
        return f"{name}: none of {paths} exists, the first being {named}; is the disk mounted?"
    return (
        f"{name}: none of {paths} exists in {os.fsdecode(here)}, the first being {named}; run "
        "batchcls in the folder that they are relative to, or write them in full"
    )


def _more_than_a_path(line: bytes, file: Path | None, folders: Sequence[bytes]) -> str:
    """What to do about a line that is a path and something behind it; empty if it is not."""
    for end in reversed([match.start() for match in SEPARATOR.finditer(line)]):
        path = _unquoted(line[:end])
        # Relative to any folder: that it is the wrong one is said when this is mended.
        there = (os.path.join(folder, path) for folder in folders)  # noqa: PTH118 - raw bytes
        if any(map(os.path.isfile, there)):
            mark = os.fsdecode(line[end : end + 1])
            spelt = "\\t" if mark == "\t" else mark
            last = mark not in os.fsdecode(line[end + 1 :])
            command = _command(f"sed 's/{spelt}[^{spelt}]*$//'", file) if last else ""
            text, alone = shown(os.fsdecode(line)), shown(os.fsdecode(path))
            return f"{text!r}, and {alone!r} exists; give it one path per line{command}"
    return ""


def _unquoted(path: bytes) -> bytes:
    quoted = len(path) > 2 and path[:1] == path[-1:] and path[:1] in (b'"', b"'")
    return path[1:-1] if quoted else path


def _command(filter_: str, file: Path | None) -> str:
    """A command that mends a list, as a further part of a sentence."""
    if file is None:
        return ""
    return f", for example by `{filter_} {shlex.quote(str(file))} > paths.txt`"
