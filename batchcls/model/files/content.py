"""Tells by its first bytes what a file is that is neither a model nor text of the user's."""

_HTML = (b"<!doctype html", b"<html")
_LFS = b"version https://git-lfs"

_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x89HDF": "an HDF5 file, as Keras writes them",
    b"\x80\x02": "a Python pickle, as PyTorch writes them",
    b"\x80\x04": "a Python pickle",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
}
ENOUGH = 1024
"""Bytes that are looked at."""


def foreign(data: bytes) -> str | None:
    """What the bytes are, in words; None where they may be anything."""
    if (what := instead(data)) is not None:
        return what
    return next((what for magic, what in _MAGIC.items() if data.startswith(magic)), None)


def instead(data: bytes) -> str | None:
    """What text has come in a file's place, in words: a web page, Git LFS's pointer."""
    start = data[:ENOUGH].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.lower().startswith(_HTML):
        return "a web page (HTML)"
    if start.startswith(_LFS):
        return "a pointer that Git LFS left in place of the file (`git lfs pull` fetches it)"
    return None
