"""``batchcls demo``: makes images, labels them with the built-in model, and says how well."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchcls.cli import evaluate
from batchcls.cli import run_command as running
from batchcls.cli.terminal import complain, say
from batchcls.errors import UsageError
from batchcls.job.job import Job

DEFAULT_IMAGES = 300


def demo(folder: str | None, images: int | None, options: Mapping[str, Any]) -> int:
    """Run the main job over images drawn for it.

    Args:
        folder: where; None makes a temporary one, which is kept.
        images: how many; one of them is broken on purpose.
        options: of the job.

    Raises:
        BatchclsError: see `batchcls.running.run`.
    """
    count = DEFAULT_IMAGES if images is None else images
    if count < 1:
        raise UsageError(f"--images {count}: must be 1 or more")
    place = Path(folder or tempfile.mkdtemp(prefix="batchcls-demo-"))
    pictures, results = place / "images", place / "results.jsonl"
    job = Job.from_dict({**options, "sources": [str(pictures)], "output": str(results)})
    job.check()
    complain(f"Drawing {count:,} images in {pictures} …")
    draw(pictures, count)
    complain(f"batchcls run {pictures} --output {results}")
    code = running.do(job)
    if code == 0:
        say("\nHow well it found the defects that were drawn:\n")
        evaluate.evaluate(str(results), None, None, as_json=False)
        say(f"\nThe results, a line per image: {results}")
    return code


def draw(folder: Path, count: int) -> None:
    """Let another process draw: this one never loads OpenCV.

    Raises:
        UsageError: it could not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "batchcls.cli.demo_images", str(folder), str(count)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise UsageError(f"cannot draw the images in {folder}: {last[0]}")
