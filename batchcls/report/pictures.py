"""The images that a page shows: their records, where they are, and small JPEGs of them."""

import json
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from batchcls.display.text import safe
from batchcls.errors import BatchclsError, RefusedError
from batchcls.images import FAR, FailureKind, Folder, ImageRef, Member, Place, far
from batchcls.results.manifest import Manifest, load
from batchcls.results.record import ParsedRecord
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage
from batchcls.sources.containers.places import Places
from batchcls.sources.inputs import InputsReader

EDGE = 256
"""Pixels of a thumbnail's longer edge: twice what a page shows, for displays of high density."""
BYTES = 8 << 10
CLASSES_SHOWN = 5
LONGEST = 300
MOST_JSON = 900
"""Of a text, as JSON: of what is no ASCII, a character takes up to 12 bytes."""
MOST_SILENT = 10
"""Images in a row that a network does not have in time; then it is left alone."""
HAVE_PICTURES: frozenset[FailureKind] = frozenset({"bad_output", "infer"})
"""Failures of images that can be read."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG.

    Attributes:
        data: empty where there is none.
        width: of the image itself, upright, pixels.
        height: see `width`.
        hash: 64 bits, see `model.preprocess.perceptual_hash`; None where there is none.
        kind: why there is none, as far as it is known.
    """

    data: bytes = b""
    width: int = 0
    height: int = 0
    hash: int | None = None
    kind: str = ""


NOTHING = Thumbnail()
NO_ROOM = "no room"


class Thumbnailer(Protocol):
    """Makes thumbnails, in another process."""

    def of(self, image: ImageRef, edge: int, most: int) -> Thumbnail:
        """A thumbnail of an image, or why there is none; never raises for what an image does.

        Args:
            edge: pixels of the longer edge, at most.
            most: bytes aimed at.
        """


class Whereabouts:
    """Where the images of a results file are.

    Results may come from anybody, and so may the addresses in them: over a network goes only what
    the run's own list names, which also has an address's signature.

    Args:
        folder: where paths lead from.
        places: of members of containers, where there are any.
        inputs: the run's frozen list; None where there is none.
    """

    def __init__(
        self, folder: Folder, places: Places | None = None, inputs: Path | None = None
    ) -> None:
        self._folder = folder
        self._places = places
        self._inputs = inputs

    @classmethod
    def of(cls, results: Path, images: str | None = None) -> Self:
        """As the run beside the results has noted it.

        Args:
            images: the folder where the images are now; None = where they were.
        """
        manifest, inputs = manifest_of(results)
        folder = Folder(images if images is not None else manifest.root if manifest else "")
        places = None
        if manifest is not None and manifest.members and inputs is not None:
            with suppress(OSError, RefusedError):
                places = Places(inputs, folder)
        return cls(folder, places, inputs)

    def image(self, record: ParsedRecord) -> ImageRef | None:
        """The image of a record; None where only a network has it and the list does not name it."""
        place: Place = self._folder
        if record.path.startswith(FAR):
            return self._listed(record)
        if self._places is not None:
            with suppress(RefusedError):
                place = next(self._places.of(record.index, 1))
        if isinstance(place, Member) and place.container.path.startswith(FAR):
            return None
        return ImageRef(record.index, record.path, place)

    def _listed(self, record: ParsedRecord) -> ImageRef | None:
        if self._inputs is None:
            return None
        with suppress(OSError, RefusedError):
            members = self._places is not None
            with closing(InputsReader(self._inputs, self._folder, members=members)) as reader:
                reader.seek(record.index)
                return next((one for one in reader.chunk(1) if one.path == record.path), None)
        return None


def manifest_of(results: Path) -> tuple[Manifest | None, Path | None]:
    """What made these results, and its inputs list; None where nothing beside them says so."""
    with suppress(BatchclsError):
        paths = RunPaths.find(str(results))
        return load(PosixStorage(), paths.manifest), paths.inputs
    return None, None


def described(record: ParsedRecord) -> dict[str, Any]:
    """A record as a page gets it: text without anything that reorders or hides."""
    data: dict[str, Any] = {
        "i": record.index,
        "path": cut(record.path),
        "top": [[cut(p.label), round(p.score, 4)] for p in record.top[:CLASSES_SHOWN]],
    }
    if record.failure is not None:
        data |= {"kind": record.failure.kind, "message": cut(record.failure.message)}
    return data


def cut(text: str) -> str:
    """Text as a page shows it."""
    shown = safe(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    while len(as_json(shown)) > MOST_JSON:
        shown = shown[: len(shown) * 3 // 4] + "…"
    return shown


def thumbnails(
    records: Iterable[ParsedRecord],
    where: Whereabouts,
    make: Thumbnailer,
    most_bytes: int,
) -> Mapping[int, Thumbnail]:
    """Thumbnails by index; of the kind `NO_ROOM` where they are larger than what is left for them.

    Args:
        records: in the order of their indices, so that containers are read forward.
        most_bytes: of all of them; each is made to fit its share.
    """
    found: dict[int, Thumbnail] = {}
    silent = 0
    wanted = [one for one in records if not one.failure or one.failure.kind in HAVE_PICTURES]
    share = min(BYTES, most_bytes // max(len(wanted), 1))
    for record in wanted:
        image = where.image(record)
        if image is None or (far(image) and silent == MOST_SILENT):
            continue
        one = make.of(image, EDGE, share)
        if far(image):
            silent = silent + 1 if one.kind == "io_error" else 0
        if len(one.data) > most_bytes:
            one = replace(one, data=b"", kind=NO_ROOM)
        most_bytes -= len(one.data)
        found[record.index] = one
    return found


def as_json(data: Any) -> str:
    """JSON that may stand between script tags of HTML: ASCII, and no character that opens a tag."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
