"""The bytes of an answer: all of them, but no more than an image may have, and in time."""

import zlib
from http.client import HTTPResponse

from batchcls.errors import ImageError
from batchcls.sources.allowance import Allowance
from batchcls.sources.urls.connections import Connection
from batchcls.sources.urls.patience import AgainError, Patience

BLOCK = 256 << 10


def read_body(
    connection: Connection,
    response: HTTPResponse,
    patience: Patience,
    allowance: Allowance,
    max_bytes: int,
) -> bytes:
    """The body of an answer, unpacked.

    Raises:
        AgainError: it is not whole.
        ImageError: too_large, corrupt, or packed as nobody asked for.
        OSError: the connection breaks, or nothing comes; or an `HTTPException`.
    """
    length = response.length
    if length is not None:
        _require_small(length, max_bytes)
        patience.add(allowance.room(length))
    blocks, size = [], 0
    while length is None or size < length:
        connection.socket.settimeout(patience.share())
        block = response.read1(BLOCK if length is None else min(BLOCK, length - size))
        if not block:
            break
        size += len(block)
        _require_small(size, max_bytes)
        if length is None:
            patience.add(allowance.room(len(block)))
        blocks.append(block)
    if length is not None and size < length:
        raise AgainError(f"the connection ended after {size} of {length} bytes")
    response.close()  # in Python 3.11, `read1` does not notice that it is at the end
    body = b"".join(blocks)
    packed = response.getheader("Content-Encoding", "identity").lower()
    if packed == "identity":
        return body
    if packed not in ("gzip", "x-gzip", "deflate"):
        raise ImageError("io_error", "HTTP answer is packed in a way that was not asked for")
    return _unpacked(body, patience, allowance, max_bytes)


def _unpacked(body: bytes, patience: Patience, allowance: Allowance, max_bytes: int) -> bytes:
    unpack, blocks, size = zlib.decompressobj(zlib.MAX_WBITS | 32), [], 0
    try:
        while body and not unpack.eof:
            patience.add(allowance.room(BLOCK))
            blocks.append(unpack.decompress(body, BLOCK))
            size += len(blocks[-1])
            _require_small(size, max_bytes)
            body = unpack.unconsumed_tail
    except zlib.error:
        raise ImageError("corrupt", "what the server packed cannot be unpacked") from None
    if not unpack.eof:
        raise ImageError("truncated", "what the server packed ends early")
    return b"".join(blocks)


def _require_small(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ImageError("too_large", f"over the limit of {max_bytes} bytes")
