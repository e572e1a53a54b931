"""The plain data of a run: an image, its picture, a prediction, a failure. No I/O, no NumPy."""

import posixpath
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

# New kinds go to the end: commit marks count them by their position.
FailureKind = Literal[
    "vanished",  # listed, but gone when it was read
    "denied",  # no permission to read it
    "io_error",  # the file system failed, after retries
    "not_regular",  # a FIFO, a socket, a device, a directory
    "changed",  # changed while it was read, twice; or its container has, since it was listed
    "empty",  # no bytes
    "not_image",  # not one of the formats that are read
    "truncated",  # the file ends before the picture does
    "corrupt",  # an image format, but the decoder refuses it
    "too_large",  # over the limit of pixels or bytes
    "bad_output",  # the model answered with NaN or infinity
    "infer",  # the device refused this image
    "out_of_memory",  # not enough memory for this image
    "worker_crash",  # kills the worker, every time, alone
    "timeout",  # hangs the worker, every time, alone
    "no_decoder",  # a format whose decoder is not installed
]

MAX_BYTES = 256 << 20
"""Size of the largest image that is read, in the form in which it is stored."""

FRAME_MARK = b"BATCHCLSFRM"
"""In the bytes of a GIF or WebP: another frame than the first is meant."""

FAILURE_KINDS: frozenset[str] = frozenset(get_args(FailureKind))

_BACKGROUNDS = frozenset({"background", "__background__", "other", "dummy", "n/a"})


@dataclass(frozen=True, slots=True)
class Folder:
    """The place of an image that is a file: where its path leads from `root`.

    Attributes:
        root: an absolute directory (decoded with ``os.fsdecode``); "" is the current one.
        moved: what absolute paths began with when they were listed, and begin with now, for those
            that have moved; the first that fits counts.
    """

    root: str
    moved: tuple[tuple[str, str], ...] = ()

    def path(self, name: str) -> str:
        """Where the image of this name is."""
        if name.startswith("/"):
            for old, new in self.moved:
                if name.startswith(old):
                    return new + name[len(old) :]
        return posixpath.join(self.root, name)


class Container(NamedTuple):
    """What holds images, as it was when they were listed; of single objects, their bucket.

    Attributes:
        kind: how it is read ("tar", …); see `batchcls.sources.containers.kinds`.
        path: as its members' names begin; it leads from their folder.
        size: bytes.
        version: another number for each other content: of a file, when it was last written,
            nanoseconds since 1970; of an object in a store, made of its ETag.
    """

    kind: str
    path: str
    size: int
    version: int


class Member(NamedTuple):
    """The place of an image inside a container; a tuple, since one is made for every image.

    Attributes:
        folder: where the container's path leads from.
        container: what holds it.
        method: how it is stored, as the container's kind has it; 0 = as it is.
        offset: where it begins, as the container's kind has it: for a tar, its first byte.
        stored: bytes in the container.
        size: bytes once unpacked; `LARGEST` stands for more as well.
        crc32: of these bytes, where the container's kind has it.
    """

    folder: Folder
    container: Container
    method: int
    offset: int
    stored: int
    size: int
    crc32: int


LARGEST = (1 << 32) - 1


class Url(NamedTuple):
    """The place of an image that a web server has.

    Attributes:
        folder: where the other paths of its list lead from.
        address: as it stands in the list, secrets in its query included; for nobody's eyes.
    """

    folder: Folder
    address: str


Place = Folder | Member | Url
"""Where an image's bytes are. Each kind of source knows its own kind of place."""

STORES = ("s3://", "gs://", "az://")
"""How the names of objects in buckets begin, and of containers there."""

FAR = ("http://", "https://", *STORES)
"""How the names of images begin that come over a network, those of their containers' members
too."""


def far(image: "ImageRef") -> bool:
    """Whether an image comes over a network."""
    return image.path.startswith(FAR)


def is_stored(path: str) -> bool:
    """Whether a source, or a path of an inputs list, leads into a bucket."""
    return path.startswith(STORES)


def folder_of(place: Place) -> Folder:
    """Where paths of an inputs list lead from, by the place of one of its images."""
    return place if isinstance(place, Folder) else place.folder


class ImageRef(NamedTuple):
    """One entry of the frozen inputs list; a tuple, since one is made for every image.

    Attributes:
        index: its identity: its position in the list, from 0, and its line in the results file.
        path: its name, as it stands in the record, decoded with ``os.fsdecode`` (so names that
            are not UTF-8 survive as surrogates).
        place: where its bytes are.
    """

    index: int  # type: ignore[assignment]  # hides `tuple.index`, which nobody asks an image for
    path: str
    place: Place = Folder("")


def file_of(image: ImageRef) -> str:
    """Where the file is that an image is, or that holds it."""
    name = image.place.container.path if isinstance(image.place, Member) else image.path
    return folder_of(image.place).path(name)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image decoded, perhaps at a fraction of its size.

    The picture's point (x, y) is at (left + x / scale, top + y / scale) of the pixels: where the
    scale does not divide its size, the last row or column shows less than `scale` of the picture.

    Attributes:
        pixels: uint8 (rows, columns, 3) blue, green, red; upright.
        width: of the picture in full, upright, pixels.
        height: see `width`.
        scale: pixels of the picture in one of these, across and down.
        left: where the picture begins in the pixels; above 0 where it was mirrored.
        top: see `left`.
        exif: TIFF structure, as the file has it; empty where there is none.
    """

    pixels: Any
    width: int
    height: int
    scale: int = 1
    left: float = 0.0
    top: float = 0.0
    exif: bytes = b""


class Prediction(NamedTuple):
    """One class of an image's answer; a tuple, since several are made for every image."""

    index: int  # type: ignore[assignment]  # see `ImageRef`
    label: str
    score: float


def is_background(label: str) -> bool:
    """Whether a class 0 of this name shifts all others by one, as TensorFlow's models have it."""
    return label.split(",")[0].strip().lower() in _BACKGROUNDS


def unnamed(index: int) -> str:
    """What a class without a name is called."""
    return f"class {index}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image has no answer."""

    kind: FailureKind
    message: str
