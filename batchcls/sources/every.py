"""Reads images wherever they are: files, members of containers, buckets, web servers."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from batchcls.images import ImageRef, Member, Url
from batchcls.sources.allowance import Allowance
from batchcls.sources.containers.kinds import OBJECTS
from batchcls.sources.files import Files

if TYPE_CHECKING:
    from batchcls.sources.containers.reading import Members
    from batchcls.sources.stores.objects import Objects
    from batchcls.sources.urls.reading import Urls


@dataclass(frozen=True)
class EveryPlace:
    """What a worker reads from; each kind of place has its reader.

    Attributes:
        allowance: for images that are far away.
    """

    _files: Files = field(default_factory=Files)
    allowance: Allowance = field(default_factory=Allowance)

    def read(self, image: ImageRef) -> bytes:
        """An image's bytes; see `Source.read`.

        Raises:
            ImageError: why there are none.
        """
        if isinstance(image.place, Member):
            if image.place.container.kind == OBJECTS:
                return self._objects.read(image)
            return self._members.read(image, image.place)
        if isinstance(image.place, Url):
            return self._urls.read(image, image.place)
        return self._files.read(image)

    @cached_property
    def _urls(self) -> "Urls":
        from batchcls.sources.urls.reading import Urls

        return Urls(self.allowance)

    @cached_property
    def _members(self) -> "Members":
        # A worker that reads files does without, and is ready sooner.
        from batchcls.sources.containers.reading import Members

        return Members(allowance=self.allowance)

    @cached_property
    def _objects(self) -> "Objects":
        from batchcls.sources.stores.objects import Objects

        return Objects(allowance=self.allowance)
