"""Models named ``hf://ORG/NAME[@REVISION]``: which files of a repository to fetch, and where to.

Rules of this file:

1. Only the coordinator process comes here, once, before any worker: workers get a local folder.
2. huggingface_hub does what it always does: its cache, token, endpoint and offline mode count.
3. The folder holds links to exactly the files chosen, and its name holds the commit. So the run's
   manifest says which revision it was, and what else is in the cache does not change the run.
"""

import os
import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from batchcls.errors import ModelError, SetupError
from batchcls.model.files.beside import NAMES as SETTINGS
from batchcls.model.files.cache_folder import cache_folder
from batchcls.version import HUB

SCHEME = "hf://"
_FOLDERS = ("", "openvino/", "onnx/")
_FORM = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[^@\s]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A model on the hub: ``ORG/NAME``, and a branch, tag or commit; None = the main branch."""

    repository: str
    revision: str | None = None


def is_reference(model: str) -> bool:
    """Whether a model argument names one on the hub."""
    return model.startswith(SCHEME)


def parse(model: str) -> Reference:
    """The reference that a model argument means.

    Raises:
        ModelError: it has another form.
    """
    found = _FORM.fullmatch(model.removeprefix(SCHEME))
    if found is None:
        raise ModelError(f"{model}: expected hf://ORG/NAME or hf://ORG/NAME@REVISION")
    return Reference(found["id"], found["revision"])


def choose(files: Collection[str]) -> list[str]:
    """The files of a repository that make a model, the model itself first; empty if there is none.

    OpenVINO's own format before ONNX before TFLite, the usual name before any other, the top before
    a folder.

    >>> choose(["README.md", "config.json", "onnx/model.onnx", "pytorch_model.bin"])
    ['onnx/model.onnx', 'config.json']
    """
    for ending, usual in ((".xml", "openvino_model"), (".onnx", "model"), (".tflite", "model")):
        for folder in _FOLDERS:
            there = [
                f for f in files if f.endswith(ending) and str(PurePosixPath(folder, _name(f))) == f
            ]
            if ending == ".xml":
                there = [f for f in there if f.removesuffix(ending) + ".bin" in files]
            best = [f for f in there if _name(f) == usual + ending] or there
            if len(best) == 1:
                weights = best[0].removesuffix(ending) + ".bin" if ending == ".xml" else best[0]
                beside = sorted(f for f in files if f != best[0] and f.startswith(weights))
                return [*best, *beside, *(name for name in SETTINGS if name in files)]
    return []


def fetch(model: str) -> Path:
    """A model of the hub as a local folder; downloads what the cache lacks.

    Args:
        model: ``hf://ORG/NAME[@REVISION]``.

    Raises:
        SetupError: huggingface_hub is not installed.
        ModelError: no such model, it has no files that OpenVINO reads, or it cannot be fetched.
    """
    reference = parse(model)
    try:
        import huggingface_hub as hub
        from huggingface_hub import constants, errors
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise SetupError(
            f"{model}: models of the Hugging Face hub need huggingface_hub; "
            f"run `pip install '{HUB}'`"
        ) from error
    _check_home(model, constants.HF_HUB_CACHE)
    if not sys.stderr.isatty():
        disable_progress_bars()
    name, revision = reference.repository, reference.revision
    try:
        info = hub.HfApi().model_info(name, revision=revision)
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{model}: access is restricted by its authors; request it on its page, then run "
            "`hf auth login` or set HF_TOKEN"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"{model}: no such model on {constants.ENDPOINT}; if it is private, run "
            "`hf auth login` or set HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{model}: the model has no such branch, tag or commit") from error
    except Exception as error:  # noqa: BLE001 - offline, or what its HTTP library of the day raises
        return _cached(hub, model, reference, error)
    files = _chosen(model, [sibling.rfilename for sibling in info.siblings or ()])
    # What says how to use the model comes first: a model that is there is never without it.
    settings = [file for file in files if file in SETTINGS]
    try:
        for part in (settings, [file for file in files if file not in SETTINGS]):
            if part:
                snapshot = Path(hub.snapshot_download(name, revision=revision, allow_patterns=part))
    except Exception as error:
        raise ModelError(f"{model}: download failed: {_reason(error)}") from error
    return _folder(model, reference, snapshot, files)


def _check_home(model: str, cache: str) -> None:
    """Refuse to fetch where there is no place to keep it: no home directory, and none named."""
    try:
        Path(cache).expanduser()
        cache_folder()
    except RuntimeError as error:
        raise ModelError(
            f"{model}: no home directory to cache it in; set HOME, or HF_HOME and XDG_CACHE_HOME"
        ) from error


def _cached(hub: Any, model: str, reference: Reference, why: Exception) -> Path:
    """What the cache has, where the hub cannot be reached."""
    from huggingface_hub import constants

    name, revision = reference.repository, reference.revision
    try:
        # Newer versions know which files there ought to be, and refuse where one of these is not.
        found = hub.snapshot_download(
            name, revision=revision, allow_patterns=list(SETTINGS), local_files_only=True
        )
    except (OSError, ValueError) as error:
        offline = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _reason(why)
        raise ModelError(
            f"{model}: not in the cache ({constants.HF_HUB_CACHE}), and the hub cannot be "
            f"reached: {offline}"
        ) from error
    snapshot = Path(found)
    there = [p.relative_to(snapshot).as_posix() for p in snapshot.rglob("*") if p.is_file()]
    chosen = _chosen(model, there, where=" in the cache")
    return _folder(model, reference, snapshot, chosen)


def _chosen(model: str, files: Collection[str], where: str = "") -> list[str]:
    chosen = choose(files)
    if not chosen:
        count = "1 file" if len(files) == 1 else f"{len(files):,} files"
        raise ModelError(
            f"{model}: no model that OpenVINO reads among {count}{where}; "
            "looked for openvino_model.xml or another .xml, each with its .bin, for model.onnx or "
            "onnx/model.onnx, and for one .tflite\n"
            "hint: convert the model with `optimum-cli export openvino`"
        )
    return chosen


def _reason(error: Exception) -> str:
    """The first line of what an exception says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _folder(model: str, reference: Reference, snapshot: Path, files: Iterable[str]) -> Path:
    """A folder of links to these files of a snapshot, all side by side."""
    organisation, name = reference.repository.split("/")
    folder = cache_folder() / "hub" / organisation / f"{name}@{snapshot.name}"
    wanted = {_name(file): (snapshot / file).resolve() for file in files}
    for file, target in wanted.items():
        if not target.is_file():
            raise ModelError(f"{model}: {file} could not be fetched; try again")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for link, target in wanted.items():
            _link(folder / link, target)
        for other in folder.iterdir():
            if other.name not in wanted and not other.name.startswith("."):
                other.unlink()
    except OSError as error:
        raise ModelError(f"cannot write {folder}: {error.strerror}") from error
    return folder


def _link(path: Path, target: Path) -> None:
    """Make a link appear under its name at once, whoever else does the same."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


def _name(file: str) -> str:
    return PurePosixPath(file).name
