"""Makes containers of images: the same bytes for the same images."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
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


def zip_bytes(
    images: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    """A zip of these files, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = comment
        for name, content in images.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return buffer.getvalue()


MAKE: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    ".tar": tar_bytes,
    ".zip": zip_bytes,
    ".cbz": lambda images: zip_bytes(images, 0),
}
"""How a container of these names and contents is made, by its ending."""


def pack(path: Path, images: Mapping[str, bytes]) -> None:
    """Write a container, of the kind that its name says."""
    path.write_bytes(MAKE[path.suffix.lower()](images))
