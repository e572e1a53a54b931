"""Makes containers of images: the same bytes for the same images."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def tar_bytes(images: Mapping[str, bytes]) -> bytes:
    """A tar of these files, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", errors="surrogateescape") as tar:
        for name, content in images.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


MAKE = {".tar": tar_bytes}
"""How a container of these names and contents is made, by its ending."""


def pack(path: Path, images: Mapping[str, bytes]) -> None:
    """Write a container, of the kind that its name says."""
    path.write_bytes(MAKE[path.suffix.lower()](images))
