"""One bucket of a store, by obstore, which only this module imports.

Rules of this file:

1. What is transient is tried again, a little later each time, within the read's patience, which is
   less than `--timeout`: a slow store is an `io_error`, and no worker is killed for it. No try may
   take longer than what is left, and as obstore has one time for all that a client asks, there are
   clients for the whole patience, for half of it, and so on.
2. A store that says it is asked too often is asked less, by all threads of a process.
3. An answer says of which version it is; of another one than that listed, nothing is returned.
4. What obstore and servers say is not passed on: there are URLs in it, names of keys, and paths.
"""

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from batchcls.errors import ImageError, SetupError, SourceError
from batchcls.sources.allowance import Allowance
from batchcls.sources.stores.failures import LESS, THROTTLED, failure_of
from batchcls.sources.stores.pace import Pace
from batchcls.version import OBSTORE

T = TypeVar("T")
PAGE = 1000
"""Objects that a store names at once."""

CONNECT_S, SILENT_S = 5.0, 10.0
"""For a connection, and for the next bytes; less where a try has less than twice as long."""
LEAST = 1 / 16
"""Of the patience; with less of it left, nothing is asked."""
BACKOFF_S = (0.1, 0.4, 1.6, 5.0)
LISTING = Allowance(patience_s=60.0)
"""Of one page of a listing, or one part of a container that is listed."""

PASSING = frozenset({0, 408, 500, 502, 504})
"""Statuses of an answer that may be another one a little later; 0 is none at all."""
CHANGED = "changed since it was listed"

_OPENING = threading.Lock()
_KEYS = (
    "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE",
)  # fmt: skip
"""What says in the environment how to prove who asks; without any, there may be a profile."""


class Found(NamedTuple):
    """An object as it is now.

    Attributes:
        key: its name in the bucket.
        size: bytes.
        version: another number for each other content; made of its ETag, else of its time.
    """

    key: str
    size: int
    version: int


def store_of(bucket: str) -> "Store":
    """The store that has a bucket; one for all threads of this process.

    Args:
        bucket: as ``s3://BUCKET``.

    Raises:
        SetupError: obstore is not installed.
        SourceError: the profile gives no credentials.
    """
    with _OPENING:  # many threads ask for it at first, all at once
        return opened(bucket)


@cache
def opened(bucket: str) -> "Store":
    """See `store_of`, which calls this in one thread."""
    # A worker reads a few objects at a time; obstore would start a thread for each core.
    os.environ.setdefault("TOKIO_WORKER_THREADS", "1")
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise SetupError(
            f"{bucket}: object stores need obstore; run `pip install '{OBSTORE}'`"
        ) from error
    opener: Any = from_url  # its types tell the stores apart
    options: dict[str, Any] = {}
    endpoints = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoint = next((found for name in endpoints if (found := os.environ.get(name))), "")
    if endpoint.startswith("http://"):
        options["allow_http"] = True
    once: dict[str, Any] = {"retry_config": {"max_retries": 0}, **_profile(bucket)}

    def client(seconds: float) -> Any:
        times = {
            "connect_timeout": timedelta(seconds=min(CONNECT_S, seconds / 2)),
            "read_timeout": timedelta(seconds=min(SILENT_S, seconds / 2)),
            "timeout": timedelta(seconds=seconds),
        }
        try:
            return opener(bucket, client_options={**options, **times}, **once)
        except Exception as error:
            if "Account must be specified" in str(error):
                raise SourceError(f"{bucket}: set AZURE_STORAGE_ACCOUNT_NAME") from error
            raise SourceError(
                f"{bucket} cannot be opened; check what the environment says of it (AWS_*, "
                "GOOGLE_*, AZURE_*)"
            ) from error

    return Store(client)


def _profile(bucket: str) -> Mapping[str, Any]:
    """Credentials of a profile, which boto3 reads, in all of their forms."""
    if not bucket.startswith("s3://") or any(os.environ.get(name) for name in _KEYS):
        return {}
    folder = Path("~/.aws").expanduser()
    shared = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if not shared and not any((folder / name).exists() for name in ("credentials", "config")):
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider

        return {"credential_provider": Boto3CredentialProvider()}
    except ImportError as error:
        if not os.environ.get("AWS_PROFILE"):
            return {}
        raise SetupError(f"{bucket}: AWS_PROFILE needs boto3; run `pip install boto3`") from error
    except Exception as error:  # its own, and boto3's
        raise SourceError(
            f"{bucket}: the profile in AWS_PROFILE or ~/.aws gives no credentials "
            f"({type(error).__name__})"
        ) from error


class Store:
    """A bucket; its methods may be called by several threads at once, and let others run.

    Each method may raise `SourceError`: what the environment says of the store cannot be.

    Args:
        client: obstore's, whose requests take so many seconds at most.
        pace: how fast it may be asked.
        clock: seconds.
        sleep: how to wait.
    """

    def __init__(
        self,
        client: Callable[[float], Any],
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = cache(client)
        self._opening = threading.Lock()
        self._pace = pace or Pace(clock, sleep)
        self._clock = clock
        self._sleep = sleep

    def pages(self, prefix: str) -> Iterator[list[Found]]:
        """The objects below a prefix, which ends where a ``/`` does, in the store's order.

        Raises:
            ImageError: why they cannot be listed, or not all.
            KeyRefusedError: one has a name that cannot be asked for.
        """
        stream: Any = None
        after: str | None = None

        def page(client: Any) -> list[Any] | None:
            nonlocal stream
            if stream is None:
                stream = client.list(prefix or None, offset=after, chunk_size=PAGE)
            try:
                found: list[Any] | None = next(stream, None)
            except Exception:
                stream = None  # to begin again behind the last page
                raise
            return found

        while found := self._ask(page, LISTING):
            after = found[-1]["path"]
            yield [_found(one) for one in found]

    def find(self, key: str) -> Found:
        """One object.

        Raises:
            ImageError: vanished; denied; io_error.
        """
        return self._ask(lambda client: _found(client.head(key)), LISTING)

    def read(
        self, found: Found, allowance: Allowance, span: tuple[int, int] | None = None
    ) -> bytes:
        """An object's bytes, or those from one to another.

        Raises:
            ImageError: why there are none.
        """
        options = {} if span is None else {"range": span}
        expected = found.size if span is None else span[1] - span[0]

        allowance.room(expected)

        def once(client: Any) -> bytes:
            got = client.get(found.key, options=options)
            now = _found(got.meta)  # known before the first of the bytes are asked for
            if (now.size, now.version) != (found.size, found.version):
                raise ImageError("changed", CHANGED)
            data = bytes(got.bytes())
            if len(data) != expected:
                raise ConnectionError
            return data

        return self._ask(once, allowance)

    def _ask(self, ask: Callable[[Any], T], allowance: Allowance) -> T:
        whole = allowance.patience_s
        until = self._clock() + whole
        failure = ImageError("io_error", LESS)
        for attempt in count():
            if not self._pace.wait(until):
                raise failure
            left, seconds = until - self._clock(), whole
            while seconds > left * 1.01:  # nothing takes no time
                seconds /= 2
                if seconds < whole * LEAST:
                    raise failure
            with self._opening:
                client = self._client(seconds)
            try:
                answer = ask(client)
            except ImageError:
                raise
            except Exception as error:
                status, failure = failure_of(error)
                if status in THROTTLED:
                    self._pace.slow_down()
                    continue
                wait = BACKOFF_S[attempt] if attempt < len(BACKOFF_S) else math.inf
                passing = failure.kind == "io_error" and status in PASSING
                if not passing or wait >= until - self._clock():
                    raise failure from error
                self._sleep(wait)
                continue
            self._pace.went_well()
            return answer
        raise AssertionError


def _found(meta: Any) -> Found:
    if tag := meta["e_tag"]:
        text = str(tag).removeprefix("W/").strip('"')
    else:
        text = f"{meta['last_modified'].timestamp()} {meta['size']}"
    version = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return Found(meta["path"], meta["size"], version)
