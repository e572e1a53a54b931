"""Which beginnings of a picture's file are that picture."""

from batchcls.decode.decode import decode
from batchcls.errors import ImageError


def whole_prefixes(data: bytes) -> list[int]:
    """Lengths of the strict prefixes of a file that decode: each to the whole picture."""
    whole = decode(data)
    found = []
    for length in range(len(data)):
        try:
            pixels = decode(data[:length])
        except ImageError as error:
            assert error.kind == ("truncated" if length else "empty"), (length, error)
        else:
            assert pixels.shape == whole.shape, length
            assert (pixels == whole).all(), length
            found.append(length)
    return found
