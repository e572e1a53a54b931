"""Where the files of a run's images are, as far as others can open them."""

import re
from pathlib import Path

from batchcls.job.paths import absolute
from batchcls.report.reading import root_of
from batchcls.sources.containers.kinds import container_path

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://")


def is_remote(path: str) -> bool:
    """Whether a path is a URL, or of an object store."""
    return _REMOTE.match(path) is not None


def why_not_a_file(path: str) -> str:
    """Why nobody but batchcls can open the image of that path; empty if others can."""
    if container_path(path):
        return "inside a container or a file of several pictures"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "a name that is not UTF-8"
    return ""


def root(results: Path) -> Path:
    """The absolute folder that relative paths of these results lead from."""
    return absolute(root_of(results))
