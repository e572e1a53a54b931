"""What was measured before a run or after it, kept in the user's cache for others that are like it.

A cache that fails costs a measurement, and no run.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchcls.model.files.cache_folder import cache_folder

log = logging.getLogger("batchcls")


class Kept:
    """One measurement.

    Args:
        folder: of the cache, for measurements of this kind.
        facts: all that it can depend on, JSON data.
        used: the user allows a cache.
    """

    def __init__(self, folder: str, facts: Mapping[str, Any], *, used: bool) -> None:
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        self._path: Path | None = None
        with contextlib.suppress(RuntimeError):  # no home
            if used:
                self._path = cache_folder() / folder / f"{key[:32]}.json"

    def find(self) -> Any:
        """It, JSON data; None where there is none."""
        try:
            return None if self._path is None else json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None

    def keep(self, found: Any) -> None:
        """Keep it."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside = self._path.with_suffix(".part")
            aside.write_text(json.dumps(found))
            aside.replace(self._path)
        except OSError as error:
            log.info("%s: %s; the measurement is not kept", self._path, error.strerror)

    def forget(self) -> None:
        """It has turned out otherwise."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
