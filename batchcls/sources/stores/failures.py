"""What goes wrong with a store, told apart, and without its own words, which may hold secrets."""

import re

from batchcls.errors import ImageError
from batchcls.images import FailureKind

THROTTLED = frozenset({429, 503})
METADATA = "//169.254.169.254/"
"""Where machines in a cloud are told their credentials: asked when there are no others."""

LESS = "the store asks to be asked less"

_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_BROKEN = re.compile(r"\bkind: (\w+),")
_BAD_KEY = re.compile(r'Path "(.*?)" contained|Error parsing Path "(.*?)"', re.DOTALL)
_WORDS = {
    "Timeout": "no answer in time",
    "Connect": "it cannot be reached",
    "Interrupted": "the connection broke off",
}


class KeyRefusedError(Exception):
    """The bucket has a key that obstore cannot name, and so cannot be listed."""


def failure_of(error: Exception) -> tuple[int, ImageError]:
    """The status that a store answered with, 0 where it is not known, and what it means.

    Raises:
        KeyRefusedError: it is about a name that obstore refuses.
    """
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
        words = f"{LESS} ({said})"
    elif status or code:
        words = f"the store failed ({said})"
    elif "Received redirect" in text:
        status, words = 301, "the bucket is in another region; set AWS_REGION"
    else:
        broken = _BROKEN.search(text)
        words = _WORDS.get(broken[1] if broken else "", "the connection failed")
    return status, ImageError(kind, words)
