"""What a run's results are results of: images, model, settings, and the fingerprint of these.

The file is written once per generation, atomically, and carries its own hash: a manifest that
differs from what was written by a single byte is refused.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from batchcls.errors import RefusedError
from batchcls.job.shard import part_of
from batchcls.results.disk_errors import guard
from batchcls.results.recovery import Identity
from batchcls.results.storage import Storage, blocks, opened, read_all, write_atomically

if TYPE_CHECKING:
    import hashlib

FORMAT = 1
Carry = Literal["", "extend", "retry-failed"]
_SHOWN = 100

VERSION_KEY = "version of batchcls"
"""The key of a fingerprint that says which version made the results."""

FEATURES = "features"
"""Of a fingerprint: (name of the tensor, numbers for an image), where features are kept."""

SHARD_KEY = "shard"
"""Of a manifest's settings: there is none where the results are of all images."""


def new_run() -> str:
    """An id for a new generation."""
    return os.urandom(16).hex()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of a job.

    Attributes:
        inputs: of the frozen list: at least ``root``, ``count`` and ``sha256`` (of its bytes).
        fingerprint: flat; every key that changes answers.
        sources: as typed.
        settings: everything else of the job; recorded, free to change.
        run: id of this generation.
        generation: 1, and one more for each ``--extend``, ``--retry-failed`` or ``--fresh``.
        carry: what this generation took over from the one before.
        replaces: the finished file of the one before, which this one may replace.
        format: of this file.
    """

    inputs: Mapping[str, Any]
    fingerprint: Mapping[str, Any]
    sources: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    run: str = field(default_factory=new_run)
    generation: int = 1
    carry: Carry = ""
    replaces: Identity | None = None
    format: int = FORMAT

    @property
    def root(self) -> str:
        """The directory that paths are relative to."""
        return str(self.inputs["root"])

    @property
    def count(self) -> int:
        """Number of images."""
        return int(self.inputs["count"])

    @property
    def members(self) -> Mapping[str, str]:
        """SHA-256 of the files beside the list, where some images are members of containers."""
        found: Mapping[str, str] = self.inputs.get("members", {})
        return found

    @property
    def shard(self) -> str | None:
        """Which part of the images the results are of, "2/16"; None: of all."""
        found: str | None = self.settings.get(SHARD_KEY)
        return found

    @property
    def lines(self) -> range:
        """Indices of the images that have a line in these results."""
        return part_of(self.shard, self.count)

    def to_bytes(self) -> bytes:
        """The file's content; the same for equal manifests."""
        content = asdict(self)
        text = json.dumps(content, sort_keys=True, indent=1, allow_nan=False)
        return b"%s\n%s\n" % (text.encode(), _sha256(text.encode()).hexdigest().encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read `to_bytes` back.

        Raises:
            ValueError: it is not exactly what was written, or of another format.
        """
        text, _, last = data.removesuffix(b"\n").rpartition(b"\n")
        if _sha256(text).hexdigest().encode() != last or not data.endswith(b"\n"):
            raise ValueError("its content does not match its hash")
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(
                f"it has format {content['format']}, but this batchcls reads format {FORMAT}"
            )
        known = {f.name for f in fields(cls)}
        if content.keys() != known:
            raise ValueError("it was written by another version of batchcls")
        if content["replaces"] is not None:
            content["replaces"] = Identity(**content["replaces"])
        return cls(**content | {"sources": tuple(content["sources"])})


def save(storage: Storage, path: Path, manifest: Manifest) -> None:
    """Write a manifest, durably.

    Raises:
        StoppedError: the disk is full or fails.
        RefusedError: the place is not writable.
    """
    with guard(path):
        write_atomically(storage, path, manifest.to_bytes())


def load(storage: Storage, path: Path) -> Manifest | None:
    """Read a manifest; None if there is none.

    Raises:
        RefusedError: it is damaged.
    """
    try:
        with guard(path):
            try:
                data = read_all(storage, path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Manifest.from_bytes(data)
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"{path} is damaged: {error}; restore it from a copy, or start over with `--fresh`"
        ) from error


def _sha256(data: bytes = b"") -> "hashlib._Hash":
    import hashlib  # and with it OpenSSL: 4 ms that a new run's workers need not wait for

    return hashlib.sha256(data)


def require_inputs(storage: Storage, path: Path, manifest: Manifest) -> None:
    """Refuse an inputs list that is not the one that the manifest was made for.

    With it goes what is beside it, where some images are members of containers.

    Raises:
        RefusedError: it is missing or changed.
    """
    digest, count = _sha256(), 0
    with guard(path), opened(storage, path) as fd:
        for block in blocks(storage, fd, 0):
            digest.update(block)
            count += block.count(b"\0")
    if (count, digest.hexdigest()) != (manifest.count, manifest.inputs["sha256"]):
        images = f"{count:,} images instead of {manifest.count:,}"
        how = images if count != manifest.count else "the same number of images, another hash"
        raise RefusedError(
            f"{path} has changed since the run began ({how}); restore it, or start over with "
            "`--fresh`"
        )
    for name, sha256 in manifest.members.items():
        _require_hash(storage, path.with_name(name), sha256)


def _require_hash(storage: Storage, path: Path, sha256: str) -> None:
    digest = _sha256()
    with guard(path), opened(storage, path) as fd:
        for block in blocks(storage, fd, 0):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise RefusedError(
            f"{path} has changed since the run began; restore it, or start over with `--fresh`"
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that differs; `old` or `new` is None where the key is missing."""

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        old, new = (_short(value) for value in (self.old, self.new))
        return f"{self.key}: was {old}, is {new}"


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Keys in which two fingerprints differ, by name. Lists and tuples are the same."""

    def text(values: Mapping[str, Any], key: str) -> str | None:
        return json.dumps(values[key], sort_keys=True) if key in values else None

    pairs = ((key, text(old, key), text(new, key)) for key in sorted(old.keys() | new.keys()))
    return [Difference(key, a, b) for key, a, b in pairs if a != b]


def require_same(manifest: Manifest, fingerprint: Mapping[str, Any], results: Path) -> None:
    """Refuse to resume results that these settings would have made differently.

    Raises:
        RefusedError: with what differs, a line for each key.
    """
    found = difference(manifest.fingerprint, fingerprint)
    began = next((entry for entry in found if entry.key == VERSION_KEY), None)
    if began is not None:
        raise RefusedError(
            f"{results} was begun by batchcls {_bare(began.old)}, and this is {_bare(began.new)}, "
            "whose lines and answers are not the same; resume it with the version that began it, "
            "choose another `--output`, or start over with `--fresh`"
        )
    if found:
        raise RefusedError(
            f"{results} was made with another model, other options or other versions:\n"
            + "".join(f"  {entry}\n" for entry in found)
            + "use the old ones, choose another `--output`, or start over with `--fresh`"
        )


def _bare(version: str | None) -> str:
    return "of an unknown version" if version is None else version.strip('"')


def _short(value: str | None) -> str:
    if value is None:
        return "absent"
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
