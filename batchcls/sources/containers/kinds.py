"""Decides by its name whether a file is a container of images, and splits a member's path.

A member's path is its container's, ``//`` and its name in there. By name, since to look into each
of ten million files would take longer than to list them.
"""

KINDS = {".tar": "tar", ".zip": "zip", ".cbz": "zip", ".parquet": "parquet", ".arrow": "arrow"}
"""How the container is read, by the ending of its name, in lower case."""

FRAMES = "frames"
FRAMED = (b".tif", b".tiff", b".gif", b".webp")
"""Files that are containers of this kind where somebody asks for more than the first frame."""

OBJECTS = "objects"
"""The kind of a bucket, whose members are the objects in it."""

ROWS = frozenset({"parquet", "arrow", FRAMES})
"""Kinds whose members have numbers for names: all of them are images."""

COMPRESSED = {
    ".tar.gz": "gunzip", ".tgz": "gunzip", ".tar.zst": "zstd -d", ".tar.bz2": "bunzip2",
    ".tbz2": "bunzip2", ".tar.xz": "unxz", ".txz": "unxz",
}  # fmt: skip
"""Archives that can only be read from their beginning, and what makes a tar of them."""

BETWEEN = "//"
"""Stands between a container's path and its member's name; no normal path has it."""


def kind_of(path: bytes) -> str | None:
    """How to read the container of this name; None if it is no container."""
    dot = path.rfind(b".", path.rfind(b"/") + 2)
    return None if dot < 0 else KINDS.get(path[dot:].lower().decode("latin-1"))


def may_have_frames(path: bytes) -> bool:
    """Whether a file of this name may hold several pictures."""
    return path.lower().endswith(FRAMED)


def compressed(path: str) -> str:
    """The ending that says that an archive can only be read from its beginning; else empty."""
    name = path.lower()
    return next((ending for ending in COMPRESSED if name.endswith(ending)), "")


def advice(ending: str) -> str:
    """What to do about archives with an ending of `COMPRESSED`."""
    return (
        f"{ending} can only be read from its beginning, not image by image; unpack it to a .tar "
        f"first (`{COMPRESSED[ending]}`)"
    )


def container_path(path: str) -> str:
    """What holds the image of this path; empty if it is a file of its own.

    >>> container_path("shards/0.tar//cat/1.jpg")
    'shards/0.tar'
    """
    start = 0
    while (at := path.find(BETWEEN, start)) >= 0:
        raw = path[:at].encode(errors="surrogateescape")
        if kind_of(raw) or may_have_frames(raw):
            return path[:at]
        start = at + 1
    return ""
