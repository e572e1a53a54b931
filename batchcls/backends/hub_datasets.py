"""Datasets named ``hf://datasets/ORG/NAME[@REVISION][:SPLIT]``: which files to fetch, and where to.

Rules of this file:

1. Only the process that the user started comes here, once, before any worker: what is listed are
   containers on this machine.
2. huggingface_hub does what it always does: its cache, token, endpoint and offline mode count.
3. The folder holds links to exactly the files chosen, appears whole, and its name holds the commit:
   so it says in the manifest which revision it was, and serves without the hub.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from batchcls.errors import SetupError, SourceError
from batchcls.model.files.cache_folder import cache_folder
from batchcls.version import HUB

SCHEME = "hf://datasets/"
CONVERTED = "refs/convert/parquet"
"""The branch where the hub keeps a dataset as Parquet, whatever its authors wrote it as."""

KINDS = ((".parquet",), (".tar", ".zip"))
"""Endings of files that hold images, in order: the first that a dataset has are its images."""

_FORM = re.compile(
    r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[^@:\s]+))?(:(?P<split>[\w.-]+))?", re.ASCII
)
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
"""A commit, perhaps shortened; all else may be the name of another one tomorrow."""
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Reference:
    """``ORG/NAME``; a branch, tag or commit, None = the main branch; a split, None = all."""

    repository: str
    revision: str | None = None
    split: str | None = None


def is_reference(source: str) -> bool:
    """Whether a source names a dataset on the hub."""
    return source.startswith("hf://")


def parse(source: str) -> Reference:
    """The dataset that a source means.

    Raises:
        SourceError: it has another form.
    """
    found = _FORM.fullmatch(source.removeprefix(SCHEME))
    if not source.startswith(SCHEME) or found is None:
        raise SourceError(f"{source}: expected hf://datasets/ORG/NAME[@REVISION][:SPLIT]")
    return Reference(found["id"], found["revision"], found["split"])


def choose(files: Collection[str], split: str | None) -> list[str]:
    """The files of a dataset that hold its images, or those of a split, sorted.

    >>> choose(["README.md", "data/train-00000-of-00001.parquet", "test/0000.parquet"], "train")
    ['data/train-00000-of-00001.parquet']
    """
    for endings in KINDS:
        if there := sorted(file for file in files if file.lower().endswith(endings)):
            return [file for file in there if split is None or _is_of(file, split)]
    return []


def fetch(source: str) -> Path:
    """A dataset as a local folder of containers; downloads what the cache lacks.

    Raises:
        SetupError: huggingface_hub is not installed.
        SourceError: no such dataset, it holds no images, or it cannot be fetched.
    """
    reference = parse(source)
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise SetupError(
            f"{source}: datasets of the Hugging Face hub need huggingface_hub; "
            f"run `pip install '{HUB}'`"
        ) from error
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        commit, files = _look(hub, source, reference)
    except errors.GatedRepoError as error:
        raise SourceError(
            f"{source}: access is restricted by its authors; request it on its page, then run "
            "`hf auth login` or set HF_TOKEN"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise SourceError(
            f"{source}: no such dataset; if it is private, run `hf auth login` or set HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise SourceError(f"{source}: the dataset has no such branch, tag or commit") from error
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - offline, or what its HTTP library of the day raises
        return _fetched_before(source, reference, error)
    folder = _place(reference, commit)
    if _is_whole(folder):
        return folder
    try:
        snapshot = hub.snapshot_download(
            reference.repository, repo_type="dataset", revision=commit, allow_patterns=files
        )
    except Exception as error:
        raise SourceError(f"{source}: download failed: {_reason(error)}") from error
    return _linked(source, folder, Path(snapshot), files)


def fetched_for(source: str, places: Iterable[str]) -> Path | None:
    """What a run that is to be resumed was made from, though the hub may have moved on since.

    Args:
        source: names no revision; otherwise the hub is asked.
        places: of the run's sources.
    """
    reference = parse(source)
    wanted = _place(reference, "*")
    for folder in map(Path, places if reference.revision is None else ()):
        same_split = fnmatch(folder.name, wanted.name) and (" " in folder.name) == (
            reference.split is not None
        )
        if folder.parent == wanted.parent and same_split and _is_whole(folder):
            return folder
    return None


def _look(hub: Any, source: str, reference: Reference) -> tuple[str, list[str]]:
    """The commit, and the files that hold the images."""
    name, split = reference.repository, reference.split
    there: list[str] = []
    for revision in [reference.revision] if reference.revision else [None, CONVERTED]:
        try:
            info = hub.HfApi().dataset_info(name, revision=revision)
        except hub.errors.RevisionNotFoundError:
            if revision != CONVERTED:
                raise
            break
        there = [sibling.rfilename for sibling in info.siblings or ()]
        if files := choose(there, split):
            return str(info.sha), files
        if choose(there, None):
            break
    known = choose(there, None)
    shown = ", ".join(known[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
    if known:
        raise SourceError(f"{source}: no file of the split {split} among {shown}")
    raise SourceError(f"{source}: the dataset holds neither Parquet nor .tar or .zip files")


def _is_of(file: str, split: str) -> bool:
    *folders, name = PurePosixPath(file).parts
    return split in folders or re.match(rf"{re.escape(split)}(?![A-Za-z0-9])", name) is not None


def _place(reference: Reference, commit: str) -> Path:
    organisation, name = reference.repository.split("/")
    split = "" if reference.split is None else f" {reference.split}"
    try:
        return cache_folder() / "hub/datasets" / organisation / f"{name}@{commit}{split}"
    except RuntimeError:
        raise SourceError(
            "no home directory to cache datasets in; set HOME, or HF_HOME and XDG_CACHE_HOME"
        ) from None


def _fetched_before(source: str, reference: Reference, why: Exception) -> Path:
    """What was fetched before, where the hub cannot be reached and it cannot be another commit."""
    pattern = _place(reference, "*")
    folders = [folder for folder in sorted(pattern.parent.glob(pattern.name)) if _is_whole(folder)]
    if reference.split is None:
        folders = [folder for folder in folders if " " not in folder.name]
    commits = {folder.name.partition("@")[2].partition(" ")[0]: folder for folder in folders}
    revision = reference.revision
    meant = [*commits]
    if revision is not None:
        exact = _COMMIT.fullmatch(revision) is not None
        meant = [commit for commit in commits if exact and commit.startswith(revision)]
    if len(meant) == 1:
        return commits[meant[0]]
    if not commits:
        have = "it was not fetched before"
    elif meant:
        have = "several commits were fetched; name one"
    else:
        fetched = ", ".join(commits)
        have = f"no commit that was fetched before is known to be {revision} (fetched: {fetched})"
    raise SourceError(f"{source}: {have}, and the hub cannot be reached: {_reason(why)}")


def _linked(source: str, folder: Path, snapshot: Path, files: Sequence[str]) -> Path:
    """A folder of links to these files of a snapshot; it appears whole."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        try:
            for file in files:
                target = (snapshot / file).resolve()
                if not target.is_file():
                    raise SourceError(f"{source}: {file} could not be fetched; try again")
                (aside / file).parent.mkdir(parents=True, exist_ok=True)
                (aside / file).symlink_to(target)
            aside.chmod(0o755)
            if not _is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        if not folder.is_dir():  # else somebody else was as fast
            raise SourceError(f"cannot write {folder}: {error.strerror}") from error
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether a folder of links is there and the hub's cache still has all that they lead to."""
    return folder.is_dir() and all(path.exists() for path in folder.rglob("*"))


def _reason(error: Exception) -> str:
    """The first line of what an exception says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
