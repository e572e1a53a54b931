"""What a review answers to its page: images in some order, their pictures, and corrections.

Called by the threads of `server`; each method may be called by several at once.
"""

import json
import queue
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, get_args

from batchcls.display.text import safe
from batchcls.errors import UsageError
from batchcls.report import where as wheres
from batchcls.report.pictures import (
    BYTES,
    CLASSES_SHOWN,
    EDGE,
    Thumbnailer,
    Whereabouts,
    cut,
    described,
)
from batchcls.report.reading import noted_labels
from batchcls.report.review.kept import Kept
from batchcls.report.review.overview import Order, Overview
from batchcls.results.record import ParsedRecord

LARGE_EDGE, LARGE_BYTES = 1024, 160 << 10
MOST_IMAGES = 200
MOST_LABEL = 1000
KEYS = 9
"""So many classes have a key each; where there are more, keys are places in an image's answer."""
CACHED = 64 << 20
"""Bytes of pictures."""
ORDERS_KEPT = 2


class Desk:
    """The state of a review.

    Args:
        overview: of the results.
        kept: what has been said, and where it goes.
        where: the images are.
        makers: make pictures, one at a time each.
    """

    def __init__(
        self, overview: Overview, kept: Kept, where: Whereabouts, makers: Sequence[Thumbnailer]
    ) -> None:
        self._overview, self._kept, self._where = overview, kept, where
        self._makers: queue.LifoQueue[Thumbnailer] = queue.LifoQueue()
        for maker in makers:
            self._makers.put(maker)
        self._writing, self._ordering, self._looking = Lock(), Lock(), Lock()
        self._pictures: OrderedDict[tuple[int, bool], bytes] = OrderedDict()
        self._cached = 0
        self._orders: OrderedDict[tuple[str, str, str], array[int]] = OrderedDict()
        frequent = [json.loads(label) for label, _ in overview.labels.most_common()]
        # Not `classes_of`, which where nothing is noted reads all lines once more.
        noted = noted_labels(overview.results.path)
        new = sorted({label for label in kept.said.values() if label})
        # A key is its class's from day to day, however often that comes: so the model's order.
        few = dict.fromkeys([*noted, *frequent, *new])
        self._keyed = bool(noted) and len({*map(cut, few)}) == len(few) <= KEYS
        self._labels = [*(few if self._keyed else dict.fromkeys([*frequent, *noted, *new]))]
        self._classes = {label: number for number, label in enumerate(self._labels)}

    def about(self, title: str) -> dict[str, Any]:
        """What the page begins with; "keyed" says that the first classes have keys of their own."""
        return {
            "title": title,
            "images": self._overview.count,
            "said": len(self._kept.said),
            "file": safe(str(self._kept.path)),
            "labels": [cut(label) for label in self._labels],
            "keyed": self._keyed,
        }

    def images(
        self, expression: str, order: str, start: int, count: int, view: str = ""
    ) -> dict[str, Any]:
        """Some images of an order, and how many there are.

        Args:
            view: the same as long as a person pages through one list: what is said meanwhile
                changes nothing in it.

        Raises:
            UsageError: the expression or the order makes no sense.
        """
        if order not in get_args(Order):
            raise UsageError(f"no order {order}")
        found = self._ordered(expression, order, view)  # type: ignore[arg-type]  # just looked
        shown = found[max(start, 0) : max(start, 0) + min(max(count, 0), MOST_IMAGES)]
        images = []
        for index in shown:
            record = self._overview.record(index)
            if record is not None:
                said = self._kept.said.get(index)
                more = {} if said is None else {"said": self._described(record, said)}
                images.append(described(record) | more)
        return {"total": len(found), "images": images, "said": len(self._kept.said)}

    def _ordered(self, expression: str, order: Order, view: str) -> "array[int]":
        expression = expression.strip()
        key = (expression, order, view if expression else "")
        with self._ordering:
            if key in self._orders:
                self._orders.move_to_end(key)
                return self._orders[key]
            test = wheres.parse(expression) if expression else None
            while len(self._orders) >= ORDERS_KEPT:
                self._orders.popitem(last=False)
            chosen = None if test is None else self._overview.choose(test, self._kept.said.get)
            self._orders[key] = found = array("I", self._overview.ordered(order, chosen))
            return found

    def picture(self, index: int, *, large: bool) -> bytes:
        """A JPEG of an image; empty where there is none."""
        key = (index, large)
        with self._looking:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
        record = self._overview.record(index)
        if record is None:
            return b""
        data = self._made(record, large)
        with self._looking:
            if data and key not in self._pictures:  # where there was none, there may be one later
                self._pictures[key] = data
                self._cached += len(data)
            while self._cached > CACHED:
                self._cached -= len(self._pictures.popitem(last=False)[1])
        return data

    def _made(self, record: ParsedRecord, large: bool) -> bytes:
        maker = self._makers.get()
        try:
            edge, most = (LARGE_EDGE, LARGE_BYTES) if large else (EDGE, BYTES)
            image = self._where.image(record)
            return b"" if image is None else maker.of(image, edge, most).data
        finally:
            self._makers.put(maker)

    def correct(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Keep what a person says; answers when all of it is on the disk.

        Args:
            entries: ``i`` each, and what is said: ``rank`` = that class of its answer, from 0;
                ``class`` = that one of the labels that `about` lists, both of which the page may
                show cut or with escapes; or the ``label`` itself, see `Kept.say`.

        Raises:
            UsageError: an entry makes no sense; nothing is kept then.
            OSError: the disk is full or fails; the entries before are kept.
        """
        said = []
        for entry in entries:
            index = entry.get("i")
            record = self._overview.record(index) if type(index) is int else None
            if record is None:
                raise UsageError("a correction needs an image of these results")
            said.append((record, self._meant(record, entry)))
        with self._writing:
            for record, label in said:
                self._kept.say(record, label)
            return {"said": len(self._kept.said)}

    def _described(self, record: ParsedRecord, label: str) -> dict[str, Any]:
        """A label as `correct` takes it."""
        for rank, one in enumerate(record.top[:CLASSES_SHOWN]):
            if one.label == label:
                return {"rank": rank}
        number = self._classes.get(label)
        return {"label": safe(label)} if number is None else {"class": number}

    def _meant(self, record: ParsedRecord, entry: Mapping[str, Any]) -> str | None:
        known = [one.label for one in record.top[:CLASSES_SHOWN]]
        for key, labels in (("rank", known), ("class", self._labels)):
            if type(number := entry.get(key)) is int and 0 <= number < len(labels):
                return labels[number]
        label: object = entry.get("label", 0)
        if label is None:
            return None
        if not isinstance(label, str) or len(label) > MOST_LABEL or label != safe(label):
            raise UsageError("a correction needs a label")
        return label
