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
from batchcls.report.pictures import BYTES, EDGE, Thumbnailer, Whereabouts, described
from batchcls.report.reading import noted_labels
from batchcls.report.review.kept import Kept
from batchcls.report.review.overview import Order, Overview

LARGE_EDGE, LARGE_BYTES = 1024, 160 << 10
MOST_IMAGES = 200
MOST_LABEL = 1000
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
        self._writing, self._looking = Lock(), Lock()
        self._pictures: OrderedDict[tuple[int, bool], bytes] = OrderedDict()
        self._cached = 0
        self._orders: OrderedDict[tuple[str, str, int], array[int]] = OrderedDict()

    def about(self, title: str) -> dict[str, Any]:
        """What the page begins with."""
        frequent = [json.loads(label) for label, _ in self._overview.labels.most_common()]
        # Not `classes_of`, which where nothing is noted reads all lines once more.
        labels = dict.fromkeys([*frequent, *noted_labels(self._overview.results.path)])
        return {
            "title": title,
            "images": self._overview.count,
            "said": len(self._kept.said),
            "file": safe(str(self._kept.path)),
            "labels": [label for label in labels if label == safe(label)],
        }

    def images(self, expression: str, order: str, start: int, count: int) -> dict[str, Any]:
        """Some images of an order, and how many there are.

        Raises:
            UsageError: the expression or the order makes no sense.
        """
        if order not in get_args(Order):
            raise UsageError(f"no order {order}")
        found = self._ordered(expression, order)  # type: ignore[arg-type]  # just looked
        shown = found[max(start, 0) : max(start, 0) + min(max(count, 0), MOST_IMAGES)]
        images = []
        for index in shown:
            record = self._overview.record(index)
            if record is not None:
                said = self._kept.said.get(index)
                images.append(described(record) | ({} if said is None else {"said": safe(said)}))
        return {"total": len(found), "images": images, "said": len(self._kept.said)}

    def _ordered(self, expression: str, order: Order) -> "array[int]":
        expression = expression.strip()
        # What has been said since may change what `corrected` lets through.
        moment = len(self._kept.said) if expression else 0
        key = (expression, order, moment)
        with self._looking:
            if key in self._orders:
                self._orders.move_to_end(key)
                return self._orders[key]
            chosen = None
            if expression:
                test = wheres.parse(expression)
                chosen = self._overview.choose(test, self._kept.said.get)
            found = array("I", self._overview.ordered(order, chosen))
            self._orders[key] = found
            while len(self._orders) > ORDERS_KEPT:
                self._orders.popitem(last=False)
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
        maker = self._makers.get()
        try:
            edge, most = (LARGE_EDGE, LARGE_BYTES) if large else (EDGE, BYTES)
            data = maker.of(self._where.image(record), edge, most).data
        finally:
            self._makers.put(maker)
        with self._looking:
            if key not in self._pictures:
                self._pictures[key] = data
                self._cached += len(data)
            while self._cached > CACHED:
                self._cached -= len(self._pictures.popitem(last=False)[1])
        return data

    def correct(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Keep what a person says; answers when all of it is on the disk.

        Args:
            entries: ``i`` and ``label`` each; see `Kept.say`.

        Raises:
            UsageError: an entry makes no sense; nothing is kept then.
            OSError: the disk is full or fails; the entries before are kept.
        """
        said = []
        for entry in entries:
            index, label = entry.get("i"), entry.get("label")
            record = self._overview.record(index) if type(index) is int else None
            if record is None or not (label is None or _is_label(label)):
                raise UsageError("a correction needs an image of these results and a label")
            said.append((record, label))
        with self._writing:
            for record, label in said:
                self._kept.say(record, label)
            return {"said": len(self._kept.said)}


def _is_label(label: object) -> bool:
    return isinstance(label, str) and len(label) <= MOST_LABEL and label == safe(label)
