"""Starts a command of the user's, which reads what it is given and leads a process group.

Never through a shell: a name of a file or a server cannot become another command.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence


def is_there(program: str) -> bool:
    """Whether there is a program of this name, which may be run."""
    return shutil.which(program) is not None


def start(
    arguments: Sequence[str], text: bytes, more: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start a command; what it prints goes to our standard error.

    Args:
        text: its standard input; a file without a name, so neither side waits for the other.
        more: what it finds in its environment besides ours.

    Raises:
        OSError: it cannot be started.
    """
    output = subprocess.DEVNULL if sys.stderr is None else 2
    with tempfile.TemporaryFile() as words:
        words.write(text)
        words.seek(0)
        return subprocess.Popen(
            arguments, stdin=words, stdout=output, stderr=output, env={**os.environ, **more},
            start_new_session=True,
        )  # fmt: skip
