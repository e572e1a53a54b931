"""Decides whether the finished results of a job's shards make one whole. Reads only.

Every refusal names the shards that it is about, and what to do with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchcls.errors import RefusedError
from batchcls.job.shard import parsed
from batchcls.results import echoes
from batchcls.results import manifest as manifests
from batchcls.results import mark as marks
from batchcls.results.disk_errors import guard
from batchcls.results.manifest import Manifest
from batchcls.results.mark import Mark
from batchcls.results.recovery import require_finished
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage


@dataclass(frozen=True, slots=True)
class Shard:
    """The complete results of one shard.

    Attributes:
        name: as the user wrote it.
        mark: of the finished file.
    """

    name: str
    number: int
    paths: RunPaths
    manifest: Manifest
    mark: Mark


def read_all(
    names: Sequence[str], storage: Storage, *, mixed_processors: bool = False
) -> list[Shard]:
    """The shards of a job in their order, all of them, each as it was finished.

    Args:
        names: their results files, in any order.
        mixed_processors: accept processors that round differently.

    Raises:
        RefusedError: shards are missing, incomplete or damaged, or do not fit together.
        StoppedError: the disk fails.
    """
    shards = _complete(names, storage)
    _require_all(shards)
    for shard in shards[1:]:
        _require_fits(shards[0], shard)
    if not mixed_processors:
        _require_one_echo(shards)
    for shard in shards:
        _require_whole(shard, storage)
    return shards


def _complete(names: Sequence[str], storage: Storage) -> list[Shard]:
    """The shards by number; all that are not complete are named at once."""
    shards, incomplete = [], []
    known: dict[str, Any] = {}
    for name in names:
        paths = RunPaths.of(name)
        manifest = manifests.load(storage, paths.manifest)
        if manifest is None:
            incomplete.append(f"  {name} (no batchcls run found there)\n")
            continue
        if manifest.shard is None:
            raise RefusedError(f"{name} was labelled without `--shard`, so it is no shard")
        with guard(paths.commit):
            mark = marks.read(storage, paths.commit)
            begun = storage.stat(paths.part) or storage.stat(paths.next_manifest)
        done = mark and (mark[0].run, mark[0].state) == (manifest.run, "complete")
        if mark is None or begun or not done:
            incomplete.append(f"  {name} (shard {manifest.shard})\n")
        else:
            number, _ = parsed(manifest.shard)
            # Equal settings are held once: the labels of a thousand shards would fill the memory.
            settings = {
                key: known[key] if known.setdefault(key, value) == value else value
                for key, value in manifest.settings.items()
            }
            manifest = replace(manifest, settings=settings)
            shards.append(Shard(name, number, paths, manifest, mark[0]))
    if incomplete:
        raise RefusedError(
            f"not complete:\n{''.join(incomplete)}run the same commands for these shards again, "
            "then merge"
        )
    return sorted(shards, key=lambda shard: shard.number)


def _require_all(shards: Sequence[Shard]) -> None:
    """Each part of one division, once."""
    first = shards[0]
    _, of = parsed(first.manifest.shard or "")
    seen: dict[int, Shard] = {}
    for shard in shards:
        if parsed(shard.manifest.shard or "")[1] != of:
            raise RefusedError(
                f"{first.name} is shard {first.manifest.shard} and {shard.name} is shard "
                f"{shard.manifest.shard}, so they overlap; merge shards of one division"
            )
        if shard.number in seen:
            raise RefusedError(
                f"{seen[shard.number].name} and {shard.name} are both shard "
                f"{shard.manifest.shard}; name only one"
            )
        seen[shard.number] = shard
    if missing := [str(number) for number in range(1, of + 1) if number not in seen]:
        what, are = ("shard", "is") if len(missing) == 1 else ("shards", "are")
        raise RefusedError(
            f"{what} {', '.join(missing)} of {of} {are} not named; name the "
            f"results of all {of} shards"
        )


def _require_fits(first: Shard, other: Shard) -> None:
    """The same images in the same order, and settings that give the same answers."""
    a, b = first.manifest, other.manifest
    both = f"{first.name} and {other.name}"
    images = [(m.root, m.settings.get("places")) for m in (a, b)]
    if images[0] != images[1]:
        there = [f"  {n}: {m.root}\n" for n, m in ((first.name, a), (other.name, b))]
        raise RefusedError(
            f"{both} are of images in different places:\n{''.join(there)}"
            "run all shards over the same sources, by the same names"
        )
    lists = [(m.count, m.inputs["sha256"]) for m in (a, b)]
    if lists[0] != lists[1]:
        counts = f"{a.count:,} and {b.count:,} images" if a.count != b.count else "other names"
        raise RefusedError(
            f"{both} are of different lists ({counts}): images were added, removed or renamed "
            "between their starts; list them once into a file, and label `@FILE` in all shards"
        )
    if found := manifests.difference(a.fingerprint, b.fingerprint):
        raise RefusedError(
            f"{both} were made with other models, options or versions:\n"
            + "".join(f"  {entry.key}: {entry.old} and {entry.new}\n" for entry in found)
            + "run all shards with the same ones"
        )


def _require_one_echo(shards: Sequence[Shard]) -> None:
    """No device of any machine may have rounded otherwise than that of another."""
    known: dict[str, tuple[str, str]] = {}
    for shard in shards:
        for echo in echoes.recorded(shard.manifest.settings):
            for device, heard in echo.devices.items():
                name, before = known.setdefault(device, (f"{shard.name} ({echo.processor})", heard))
                if heard != before:
                    raise RefusedError(
                        f"{device} rounds differently in {name} and in {shard.name} "
                        f"({echo.processor}), so scores may differ in their last digits (echoes "
                        f"of four fixed pictures: {before} and {heard}); run one of them again on "
                        "a machine like the others, or accept it with `--mixed-processors`"
                    )


def _require_whole(shard: Shard, storage: Storage) -> None:
    """Its file is, byte for byte, what the run finished."""
    expected = shard.manifest.lines
    with guard(shard.paths.results):
        require_finished(
            storage, shard.paths.results, replace(shard.mark, mtime_ns=0), first=expected.start
        )
    if shard.mark.count != len(expected):
        raise RefusedError(
            f"{shard.paths.commit} counts {shard.mark.count:,} lines, but shard "
            f"{shard.manifest.shard} has {len(expected):,} images; run it again with `--fresh`"
        )


def unheard(shards: Sequence[Shard]) -> tuple[str, ...]:
    """Shards of which nothing says how their processor rounds."""
    silent = [
        shard.name
        for shard in shards
        if not any(echo.devices for echo in echoes.recorded(shard.manifest.settings))
    ]
    if not silent:
        return ()
    named = ", ".join(silent[:5]) + (" and others" if len(silent) > 5 else "")
    return (f"{named}: no echo is recorded, so whether its processor rounds alike is not known",)
