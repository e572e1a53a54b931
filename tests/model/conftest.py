import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    """The folder of real photos and models; skips where it is not."""
    path = Path(os.environ.get("BATCHCLS_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no real data at {path}")
    return path
