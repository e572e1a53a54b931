"""What is known of a model's classes, and which of them a name means. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from typing import Self, TypeVar

from batchcls.images import is_background, unnamed
from batchcls.model.builtin.imagenet import names as imagenet_names

Key = TypeVar("Key")

IMAGENET = 1000
_WORDNET_ID = re.compile(r"(n\d{8})(?![0-9A-Za-z])[\s_-]*")


class Classes:
    """The classes of a model.

    Args:
        labels: by index, as far as they are known.
        complete: there are no others.
    """

    def __init__(self, labels: Mapping[int, str], *, complete: bool) -> None:
        self.labels = labels
        self.complete = complete

    @classmethod
    def of(cls, labels: Sequence[str]) -> Self:
        """All classes of a model."""
        return cls(dict(enumerate(labels)), complete=True)

    @cached_property
    def least(self) -> int:
        """The model has at least so many classes."""
        return max(self.labels, default=-1) + 1

    @cached_property
    def have_names(self) -> bool:
        """The model came with labels."""
        return any(label != unnamed(index) for index, label in self.labels.items())

    @property
    def may_have_background(self) -> bool:
        """Class 0 has the name of one, or there is one class more than ImageNet has."""
        return is_background(self.labels.get(0, "")) or self.least == IMAGENET + 1

    @property
    def may_be_imagenets(self) -> bool:
        """There are as many classes as ImageNet-1k has, with a background class or without."""
        if self.complete:
            return self.least in (IMAGENET, IMAGENET + 1)
        return self.least <= IMAGENET + 1

    def holds(self, index: int) -> bool:
        """Whether there is a class of that index, or may be one."""
        return index >= 0 and (not self.complete or index < self.least)

    def named(self, label: str) -> frozenset[int]:
        """The classes that a name means; several where they share it.

        ImageNet's labels are lists of synonyms, "tench, Tinca tinca": a single name means the list
        it is in, unless it is a label by itself. Case, underscores and spacing do not matter, nor
        does a WordNet id in front, which is enough by itself.
        """
        names = _names(label)
        if found := self._by_names.get(names):
            return found
        if len(names) == 1 and (found := self._by_synonym.get(names[0])):
            return found
        if len(names) > 1 and (found := frozenset().union(*map(self._by_single, names))):
            return found
        wnid = wordnet_id(label)
        return self._by_wordnet_id.get(wnid, frozenset()) if wnid else frozenset()

    def _by_single(self, name: str) -> frozenset[int]:
        return self._by_names.get((name,), frozenset())

    @cached_property
    def _by_names(self) -> dict[tuple[str, ...], frozenset[int]]:
        return _grouped((_names(label), index) for index, label in self.labels.items())

    @cached_property
    def _by_synonym(self) -> dict[str, frozenset[int]]:
        return _grouped((name, n) for n, label in self.labels.items() for name in _names(label))

    @cached_property
    def _by_wordnet_id(self) -> dict[str, frozenset[int]]:
        found = ((wordnet_id(label), index) for index, label in self.labels.items())
        return _grouped((wnid, index) for wnid, index in found if wnid)


def _grouped(pairs: Iterable[tuple[Key, int]]) -> dict[Key, frozenset[int]]:
    found: dict[Key, set[int]] = {}
    for key, index in pairs:
        found.setdefault(key, set()).add(index)
    return {key: frozenset(indices) for key, indices in found.items()}


@cache
def imagenet() -> Classes:
    """ImageNet-1k's own, each with its WordNet id and all its names."""
    return Classes.of([f"{wnid} {names}" for wnid, names in imagenet_names().items()])


def wordnet_id(label: str) -> str | None:
    """The WordNet id that a label is or begins with.

    >>> wordnet_id("n02085620-Chihuahua")
    'n02085620'
    """
    found = _WORDNET_ID.match(label)
    return found[1] if found else None


def _names(label: str) -> tuple[str, ...]:
    plain = _WORDNET_ID.sub("", label, count=1) if _WORDNET_ID.match(label) else label
    names = re.sub(r"[\s_]+", " ", (plain or label).casefold()).split(",")
    return tuple(name.strip() for name in names)
