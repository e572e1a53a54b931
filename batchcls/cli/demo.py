"""``batchcls demo``: draws images, labels them, and evaluates that."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from batchcls.backends import launch
from batchcls.backends.localised import with_built
from batchcls.cli.arguments import check_at_least
from batchcls.cli.evaluate import evaluate
from batchcls.cli.job_options import SPEED, with_job_options
from batchcls.cli.options import select
from batchcls.cli.run import run_job
from batchcls.cli.terminal import print_note, print_result
from batchcls.display.text import counted
from batchcls.errors import UsageError
from batchcls.job.job import Job
from batchcls.model.files.imagenet import NAME

DEFAULT_IMAGES = 300


Folder = Annotated[
    str | None,
    typer.Argument(
        metavar="FOLDER", help="Where to draw the images. Default: a new temporary folder."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="imagenet",
        help="Draw things for the model `imagenet` to name. Default: defects for the built-in one.",
    ),
]
Images = Annotated[int, typer.Option("--images", "-n", metavar="N", help="Images to draw.")]


@with_job_options(select(SPEED, "progress", "debug"))
def demo(
    folder: Folder = None,
    model: Model = None,
    images: Images = DEFAULT_IMAGES,
    *,
    options: Mapping[str, Any],
) -> int:
    """Draw images, label them, and compare.

    Most of the images have a defect, which the built-in model is to find: blurry, dark, noisy and
    so on.
    """
    check_at_least("--images", images, 1)
    if model not in (None, NAME):
        raise UsageError(
            f"--model {model}: the demo draws images for {NAME} and for the built-in model only; "
            "for another, use `batchcls run`"
        )
    import tempfile

    place = Path(folder or tempfile.mkdtemp(prefix="batchcls-demo-"))
    pictures, results = place / "images", place / "results.jsonl"
    job = Job.from_dict(
        {**options, "model": model, "sources": [str(pictures)], "output": str(results)}
    )
    job.check()
    job = with_built(job)  # what is not installed is said before anything is drawn
    print_note(f"drawing {counted(images, 'image', 'images')} in {pictures}")
    draw(pictures, images, model)
    named = f" --model {model}" if model else ""
    print_note(f"batchcls run {pictures}{named} --output {results}")
    code = run_job(job)
    if code == 0:
        what = "things that were drawn it named" if model else "defects that were drawn it found"
        print_result(f"\nHow many of the {what}:\n")
        evaluate(str(results))
        print_result(f"\nResults, one line per image: {results}")
    return code


def draw(folder: Path, count: int, model: str | None = None) -> None:
    """Let another process draw: this one never loads OpenCV.

    Raises:
        UsageError: it could not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot draw images in {folder}: {error.strerror}") from error
    words = [str(folder), str(count), *([model] if model else [])]
    command = launch.command("batchcls.cli.demo_images", *words)
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise UsageError(f"cannot draw images in {folder}: {last[0]}")
