"""How buckets and their objects are named: ``s3://BUCKET/KEY``, as the stores' own tools do. Pure.

A key stands there as it is: nothing in it is escaped, and a ``?`` begins no query.
"""

import re

from batchcls.errors import SourceError

_BUCKET = re.compile(r"[A-Za-z0-9$][\w.-]{0,254}", re.ASCII)


def split(path: str) -> tuple[str, str]:
    """A bucket, as it is named, and the key in it; "" is the bucket itself.

    >>> split("s3://photos/2026/a.jpg")
    ('s3://photos', '2026/a.jpg')

    Raises:
        SourceError: no bucket can have that name.
    """
    scheme, _, rest = path.partition("://")
    name, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(name):
        # Not named: some tools take keys and passwords before the bucket's name.
        raise SourceError(
            f"a source that begins with {scheme}:// names no bucket; expected "
            f"{scheme}://BUCKET/PREFIX"
        )
    return f"{scheme}://{name}", key
