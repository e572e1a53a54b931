"""One bucket of a store, by obstore, which only this module imports.

Rules of this file:

1. What is transient is tried again, a little later each time, within the read's patience, which is
   less than `--timeout`: a slow store is an `io_error`, and no worker is killed for it.
2. A store that says it is asked too often is asked less, by all threads of a process.
3. An answer says of which version it is; of another one than that listed, nothing is returned.
4. What obstore and servers say is not passed on: there are URLs in it, names of keys, and paths.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from batchcls.errors import ImageError, SetupError, SourceError
from batchcls.images import FailureKind
from batchcls.sources.allowance import Allowance
from batchcls.sources.stores.pace import Pace
from batchcls.version import OBSTORE

T = TypeVar("T")
PAGE = 1000
"""Objects that a store names at once."""

TIMEOUTS = {"connect_timeout": "5s", "read_timeout": "10s", "timeout": "30s"}
BACKOFF_S = (0.1, 0.4, 1.6, 5.0)
LISTING = Allowance(patience_s=60.0)
"""Of one page of a listing, or one part of a container that is listed."""

THROTTLED = frozenset({429, 503})
PASSING = frozenset({0, 408, 500, 502, 504})
"""Statuses of an answer that may be another one a little later; 0 is none at all."""
METADATA = "//169.254.169.254/"
"""Where machines in a cloud are told their credentials: asked when there are no others."""

CHANGED = "changed since it was listed"

_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_BROKEN = re.compile(r"\bkind: (\w+),")
_BAD_KEY = re.compile(r'Path "(.*?)" contained|Error parsing Path "(.*?)"', re.DOTALL)
_WORDS = {
    "Timeout": "no answer in time",
    "Connect": "it cannot be reached",
    "Interrupted": "the connection broke off",
}
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


class KeyRefusedError(Exception):
    """The bucket has a key that obstore cannot name, and so cannot be listed."""


@cache
def store_of(bucket: str) -> "Store":
    """The store that has a bucket; one for all threads of this process.

    Args:
        bucket: as ``s3://BUCKET``.

    Raises:
        SetupError: obstore is not installed.
        SourceError: what the environment says of the store cannot be.
    """
    # A worker reads a few objects at a time; obstore would start a thread for each core.
    os.environ.setdefault("TOKIO_WORKER_THREADS", "1")
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise SetupError(
            f"{bucket}: object stores need obstore; run `pip install '{OBSTORE}'`"
        ) from error
    opener: Any = from_url  # its types tell the stores apart
    options: dict[str, Any] = {**TIMEOUTS}
    endpoints = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoint = next((found for name in endpoints if (found := os.environ.get(name))), "")
    if endpoint.startswith("http://"):
        options["allow_http"] = True
    try:
        opened = opener(
            bucket, client_options=options, retry_config={"max_retries": 0}, **_profile(bucket)
        )
    except Exception as error:
        if "Account must be specified" in str(error):
            raise SourceError(f"{bucket}: set AZURE_STORAGE_ACCOUNT_NAME") from error
        raise SourceError(
            f"{bucket} cannot be opened; check what the environment says of it (AWS_*, GOOGLE_*, "
            "AZURE_*)"
        ) from error
    return Store(opened)


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

    Args:
        opened: obstore's.
        pace: how fast it may be asked.
        clock: seconds.
        sleep: how to wait.
    """

    def __init__(
        self,
        opened: Any,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = opened
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

        def page() -> list[Any] | None:
            nonlocal stream
            if stream is None:
                stream = self._store.list(prefix or None, offset=after, chunk_size=PAGE)
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
        return self._ask(lambda: _found(self._store.head(key)), LISTING)

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

        def once() -> bytes:
            got = self._store.get(found.key, options=options)
            now = _found(got.meta)  # known before the first of the bytes are asked for
            if (now.size, now.version) != (found.size, found.version):
                raise ImageError("changed", CHANGED)
            data = bytes(got.bytes())
            if len(data) != expected:
                raise ConnectionError
            return data

        return self._ask(once, allowance)

    def _ask(self, ask: Callable[[], T], allowance: Allowance) -> T:
        began = self._clock()
        for attempt in count():
            self._pace.wait()
            try:
                answer = ask()
            except ImageError:
                raise
            except Exception as error:
                status, failure = _failure(error)
                left = allowance.patience_s - (self._clock() - began)
                if status in THROTTLED:
                    wait = self._pace.slow_down()
                elif failure.kind == "io_error" and status in PASSING and attempt < len(BACKOFF_S):
                    wait = BACKOFF_S[attempt]
                else:
                    raise failure from error
                if wait >= left:
                    raise failure from error
                if status not in THROTTLED:
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


def _failure(error: Exception) -> tuple[int, ImageError]:
    """The status that a store answered with, 0 where it is not known, and what it means."""
    text = str(error)
    bad = _BAD_KEY.search(text)
    if bad or isinstance(error, ValueError):
        raise KeyRefusedError((bad[1] or bad[2]) if bad else "") from error
    status = int(found[1]) if (found := _STATUS.search(text)) else 0
    asked_for_keys = not status and "credential" in text.partition("\n")[0].lower()
    if METADATA in text or asked_for_keys:
        return 403, ImageError("denied", "there are no credentials to ask the store with")
    code = found[1] if (found := _CODE.search(text)) else ""
    said = f"{status} {code}".strip() if status else code
    kind: FailureKind = "io_error"
    if isinstance(error, FileNotFoundError) or status == 404:
        kind, words = "vanished", f"the store has no such object ({said or 404})"
        if code == "NoSuchBucket":
            words = "there is no such bucket"
    elif status in {401, 403} or type(error).__name__ in {
        "PermissionDeniedError", "UnauthenticatedError",
    }:  # fmt: skip
        kind, words = "denied", f"the store refuses it ({said or 403})"
    elif status in THROTTLED:
        words = f"the store asks to be asked less ({said})"
    elif status or code:
        words = f"the store failed ({said})"
    elif "Received redirect" in text:
        status, words = 301, "the bucket is in another region; set AWS_REGION"
    else:
        broken = _BROKEN.search(text)
        words = _WORDS.get(broken[1] if broken else "", "the connection failed")
    return status, ImageError(kind, words)
