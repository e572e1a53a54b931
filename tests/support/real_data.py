"""Real photographs and models: where they are, if the environment says that there are some."""

import os
from pathlib import Path

VARIABLE = "BATCHCLS_REAL_DATA"


def folder() -> Path | None:
    """The folder with `photos`, `photos.csv` and `models`; None where no variable names one.

    Raises:
        FileNotFoundError: the variable names a folder without them: no reason to skip anything.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    for part in ("photos", "photos.csv", "models"):
        if not (Path(named) / part).exists():
            raise FileNotFoundError(f"{VARIABLE} is {named}, which has no {part}")
    return Path(named)
