"""Decides by some of a run's images which preprocessing to guess: the answer to `running.guessing`.

A process of its own, since it decodes hostile bytes in native code, as workers do.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from batchcls.decode.decode import decode_picture
from batchcls.decode.opencv import load as load_opencv
from batchcls.decode.policy import DecodePolicy
from batchcls.errors import ImageError
from batchcls.images import Picture
from batchcls.model.choosing import Choosing
from batchcls.sources.ahead import Ahead
from batchcls.sources.sample import scattered
from batchcls.wire import leased


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    """Choose.

    Args:
        request: "job", and images as `wire.leased` has them.

    Returns:
        `batchcls.model.choosing.Choice`.
    """
    load_opencv()
    choosing = Choosing.of(request["job"])
    return asdict(choosing.choose(_pictures(request, choosing.needs)))


def _pictures(request: Mapping[str, Any], needs: tuple[int, int]) -> Iterator[Picture]:
    """The images that can be decoded, no larger than they must be, in a scattered order."""
    images = scattered(leased.from_json(request))
    policy, source = DecodePolicy(reduced=True), Ahead(images)
    for image in images:
        with suppress(ImageError):
            data = source.read(image)
            yield decode_picture(data, policy, policy.at_least(needs))
