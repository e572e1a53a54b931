"""What an image is called that a web server has: its address, without what may be secret. Pure.

An address may hold a signature or a password, which anybody who reads it can use. So it stands in
full in the frozen list, in the worker's memory, and nowhere else. An image is known by its index,
so two of them may have the same name.
"""

import os
import re

from batchcls.images import Folder, ImageRef, Url

SAID = "HTTP "
"""How the message begins of a failure that a server has told."""
ALONE = "; other hosts can be reached"
"""How that of another failure ends where it is no network's."""
_URL = re.compile(rb"https?://", re.IGNORECASE)
_SECRET = re.compile(r"[?#].*", re.DOTALL)
_USER = re.compile(r"(?<=://)[^/?#]*@")


def is_url(name: bytes) -> bool:
    """Whether a line of a list is the address of an image."""
    return _URL.match(name) is not None


def holds_url(name: bytes) -> bool:
    """Whether an address stands anywhere in a line: in quotes, or behind a number."""
    # The first is quicker by far, and seldom true.
    return b"://" in name and _URL.search(name) is not None


def shown(address: str) -> str:
    """An address as it may be shown: its query is a hash, and who asks for it is left out.

    What is no address is shown as it is.

    >>> shown("https://a.example/b.jpg?key=secret")
    'https://a.example/b.jpg?…c28002e9'
    """

    def hashed(found: re.Match[str]) -> str:
        import hashlib  # every command imports this module, and few have such a name

        return "?…" + hashlib.sha256(os.fsencode(found[0])).hexdigest()[:8]

    if "://" not in address:
        return address
    return _SECRET.sub(hashed, _USER.sub("…@", address), count=1)


def path_of(address: str) -> str:
    """An address up to its query."""
    return _SECRET.sub("", address)


def of_one_image(line: bytes) -> bool:
    """Whether the record of a failed image says that the fault is a server's, and no network's."""
    message = line[line.rindex(b'"message":"') :]
    return message.startswith(b'"message":"HTTP ') or message.endswith(ALONE.encode() + b'"}}')


def as_listed(index: int, name: str, folder: Folder) -> ImageRef:
    """The image of a name that stands in a list, where that name alone says where it is."""
    raw = os.fsencode(name)
    if is_url(raw):
        return ImageRef(index, shown(name), Url(folder, name))
    # No file has such a name; what it holds may be secret all the same.
    return ImageRef(index, shown(name) if holds_url(raw) else name, folder)
