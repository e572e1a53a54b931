"""What becomes of a path that a source has listed: an image, or a container's members or frames."""

import os
import re
from itertools import chain

from batchcls.errors import SourceError
from batchcls.images import Container, Folder, Member, Place
from batchcls.sources.containers.kinds import BETWEEN, FRAMES, kind_of, may_have_frames
from batchcls.sources.containers.listing import Lister, ListerError, look_at
from batchcls.sources.containers.places import record
from batchcls.sources.inputs import ListWriter
from batchcls.sources.url_names import is_url, path_of, shown
from batchcls.sources.walk import Notes

TWO_SLASHES = re.compile(rb"//+")


def _refuse_container(address: bytes) -> None:
    path = path_of(os.fsdecode(address))
    if kind_of(os.fsencode(path)) is not None:
        raise SourceError(
            f"{shown(os.fsdecode(address))} is a container by its name, and containers are not "
            "read from web servers; download it and name the file, or take it off the list"
        )


class Entries:
    """Puts on a list what sources have listed, one after the other.

    Args:
        writer: of the list; its containers are known already.
        lister: of containers.
        root: that paths lead from.
        notes: takes why a container is left out, whole; None if that ends the listing.
    """

    def __init__(
        self, writer: ListWriter, lister: Lister, root: str, notes: Notes | None = None
    ) -> None:
        self._writer = writer
        self._lister = lister
        self._notes = notes
        self._folder = Folder(root)
        self._numbers = {one.path: number for number, one in enumerate(writer.containers)}

    def add(self, path: bytes, place: Place, frame_step: int) -> None:
        """Append what a source has listed, or the images in it.

        Args:
            frame_step: each so many-th frame of a file is an image; 0 = the first alone.

        Raises:
            SourceError: see `_add_members` and `_add_frames`.
        """
        if is_url(path):
            _refuse_container(path)
            self._add_image(path, place)
        elif (kind := kind_of(path)) is not None:
            self._add_members(kind, path, place)
        elif frame_step and may_have_frames(path):
            self._add_frames(path, frame_step, place)
        else:
            self._add_image(path, place)

    def _add_image(self, path: bytes, place: Place) -> None:
        if isinstance(place, Member):
            _, container, *numbers = place
            self._writer.add(path, record(self._number(container), *numbers))
        else:  # the place of every file is the root, which the manifest holds once for all of them
            self._writer.add(path)

    def _add_members(self, kind: str, path: bytes, place: Place) -> None:
        """Append a container's images.

        Raises:
            SourceError: it cannot be listed, or is not what it was when it was listed before.
        """
        try:
            path, found = self._container(kind, path, place)
            known = self._numbers.get(os.fsdecode(path))
            number = len(self._writer.containers) if known is None else known
            # Where nobody looks for repeated paths, what is listed is not listed again.
            again = known is not None and self._notes is not None
            members = iter(() if again else self._lister.members(found, number))
            first = next(members, None)  # what is wrong with it is said before one is listed
            self._number(found._replace(path=os.fsdecode(path)))
        except SourceError as error:
            if self._notes is None:
                raise
            self._notes.add(str(error))
            return
        prefix = path + os.fsencode(BETWEEN)
        for member, where in chain([first] if first is not None else (), members):
            self._writer.add(prefix + member, where)

    def _add_frames(self, path: bytes, step: int, place: Place) -> None:
        """Append each `step`th frame of a file; the file itself, if it has but one.

        A file that cannot be read is an image that fails, as anywhere else.

        Raises:
            SourceError: its frames are listed already, and it is not what it was then; or the
                lister failed, so that nobody knows how many it has.
        """
        normal_path = _without_two_slashes(path, place)
        name = os.fsdecode(normal_path)
        listed_before = name in self._numbers  # then the file itself would be one image more
        if listed_before and self._notes is not None:
            return
        number = self._numbers.get(name, len(self._writer.containers))
        try:
            _, found = self._container(FRAMES, path, place)
            frames = list(self._lister.members(found, number))
        except SourceError as error:
            if listed_before or isinstance(error, ListerError):
                raise
            frames = []
        if len(frames) < 2 and not listed_before:
            self._add_image(path, place)
            return
        self._number(found._replace(path=name))
        for frame, where in frames[::step]:
            self._writer.add(normal_path + os.fsencode(BETWEEN) + frame, where)

    def _container(self, kind: str, path: bytes, place: Place) -> tuple[bytes, Container]:
        """Its path on the list, and what it is now, where the lister finds it."""
        path = _without_two_slashes(path, place)
        name = os.fsdecode(path)
        if isinstance(place, Member):  # an object, which the store has told of
            return path, Container(kind, name, place.stored, place.offset)
        return path, look_at(kind, self._folder.path(name))

    def _number(self, container: Container) -> int:
        name, known = container.path, self._writer.containers
        number = self._numbers.setdefault(name, len(known))
        if number == len(known):
            known.append(container)
        elif known[number] != container:
            raise SourceError(
                f"{name} has changed since it was listed, so its images may be others now; restore "
                "it, put the new images into a container of another name, or choose another "
                "`--output`"
            )
        return number


def _without_two_slashes(path: bytes, place: Place) -> bytes:
    """A file's path, in which nothing looks like what ends a container's path."""
    return path if isinstance(place, Member) else TWO_SLASHES.sub(b"/", path)
