"""Whether a JPEG's last scan is whole, which only a decoder can tell, and where it ends.

libjpeg fills up what is missing with middle gray and tells only standard error. So other data are
put behind what there is: a decoder that had enough skips them; pixels that change were waiting for
them.

A file without an end marker (panoramas of some phones, files recovered with the rest of their last
cluster) has its picture if something that is recognisably no picture data begins exactly where the
decoder has had enough: the end of the file, one byte over and over, another file, a maker's own
blocks. A decoder takes such bytes for pixels as long as it needs some, so that a file which was cut
and then padded is not taken for whole.
"""

import re
from collections.abc import Callable

from batchcls.decode.header import Unended

END_MARKER = b"\xff\xd9"
JUNK = b"\x55\xaa\x12\x34\x9b" * 40
OTHER_JUNK = bytes(byte ^ 0xFF for byte in JUNK)
"""Entropy-coded data to a decoder that still waits for some, else skipped: unlike from the first
bit on, since a decoder without data goes on with zeros. Neither holds a byte 0xFF."""

BACK = 2
"""Bytes before its end at which a picture is still short of some: its last byte may be a zero that
follows a byte 0xFF."""

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")

FILL = 4
"""Equal bytes at the end of a file that are filling, and not the picture's."""

_STRANGER = re.compile(
    rb"\xff[\x01-\xcf\xd8-\xfe]"  # a marker
    rb"|\0\0..[\x04-\x40]\0\0\0[A-Z][A-Za-z0-9]+_"  # Samsung: type, length, name of a block
    rb"|\0\0..ftyp"  # a film
    rb"|PK\x03\x04|<\?xpacket|<x:xmpmeta",
    re.DOTALL,
)


def continued(data: bytes, junk: bytes) -> bytes:
    """A JPEG without an end marker, with more data (which may be none) and an end marker."""
    if junk and data[-1:] == b"\xff":
        junk = b"\0" + junk  # or the two would be a marker
    return data + junk + END_MARKER


def end_of_picture(data: bytes, scan: Unended, enough: Callable[[int], bool]) -> int | None:
    """Where the last scan of a JPEG without an end marker ends.

    Args:
        data: the file.
        scan: where its data begin, and what they have.
        enough: whether the data up to a place make the whole picture.

    Returns:
        None where the picture is not whole, or what follows it may be part of it.
    """
    place = _stops(data, scan.start)
    # A decoder that finds no restart marker where one is due has had enough as well.
    if len(_RESTART.findall(data, scan.start, place)) < scan.restarts:
        return None
    whole = enough(place) and not enough(max(place - BACK, scan.start))
    return place if whole else None


def _stops(data: bytes, start: int) -> int:
    """From where on there is nothing, or something that is no picture's."""
    filled_from = len(data)
    if len(data) - start > FILL and len({*data[-FILL:]}) == 1:
        filled_from = max(start, len(data.rstrip(data[-1:])))
    stranger = _STRANGER.search(data, start)
    return min(stranger.start(), filled_from) if stranger else filled_from
