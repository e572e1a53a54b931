"""The bytes of an answer: all of them, but no more than an image may have, and in time."""

import zlib
from http.client import HTTPResponse

from batchcls.errors import ImageError
from batchcls.sources.allowance import Allowance
from batchcls.sources.urls.patience import AgainError, Patience

BLOCK = 256 << 10
PACKED = ("gzip", "x-gzip", "deflate")
"""As servers send it, unasked. Other words than these and those that are refused mean nothing."""


def read_body(
    response: HTTPResponse,
    patience: Patience,
    allowance: Allowance,
    max_bytes: int,
) -> bytes:
    """The body of an answer, unpacked.

    Raises:
        AgainError: it is not whole.
        ImageError: too_large, corrupt, packed as nobody asked for, or too late.
        OSError: the connection breaks, or nothing comes; or an `HTTPException`.
    """
    packed = response.getheader("Content-Encoding", "").strip().lower()
    if packed in ("br", "zstd", "compress", "x-compress"):
        raise ImageError("io_error", "HTTP answer is packed in a way that was not asked for")
    unpack = _Unpacker(patience, allowance, max_bytes) if packed in PACKED else None
    length = response.length
    if length is not None:
        _require_small(length, max_bytes)
        patience.add(allowance.room(length))
    blocks, size = [], 0
    while length is None or size < length:
        block = response.read1(BLOCK if length is None else min(BLOCK, length - size))
        if not block:
            break
        size += len(block)
        _require_small(size, max_bytes)
        if unpack is not None:
            unpack.add(block)
            continue
        if length is None:
            patience.add(allowance.room(len(block)))
        blocks.append(block)
    if length is not None and size < length:
        raise AgainError(f"the connection ended after {size} of {length} bytes")
    response.close()  # in Python 3.11, `read1` does not notice that it is at the end
    return b"".join(blocks if unpack is None else unpack.end())


class _Unpacker:
    """What a server has packed, block by block: a few bytes may become any number."""

    def __init__(self, patience: Patience, allowance: Allowance, max_bytes: int) -> None:
        self._patience, self._allowance, self._max_bytes = patience, allowance, max_bytes
        self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._blocks: list[bytes] = []
        self._size = 0

    def add(self, packed: bytes) -> None:
        try:
            while packed and not self._unpack.eof:
                self._patience.left()
                self._patience.add(self._allowance.room(BLOCK))
                self._blocks.append(self._unpack.decompress(packed, BLOCK))
                self._size += len(self._blocks[-1])
                _require_small(self._size, self._max_bytes)
                packed = self._unpack.unconsumed_tail
        except zlib.error:
            raise ImageError("corrupt", "what the server packed cannot be unpacked") from None

    def end(self) -> list[bytes]:
        if not self._unpack.eof:
            raise ImageError("truncated", "what the server packed ends early")
        return self._blocks


def _require_small(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ImageError("too_large", f"over the limit of {max_bytes} bytes")
