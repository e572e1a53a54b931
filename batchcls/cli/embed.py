"""``batchcls embed``: a run that is about the features of images, not about their classes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from batchcls.cli.exits import report
from batchcls.cli.job_options import FAST, with_job_options
from batchcls.cli.options import OPTIONS
from batchcls.cli.run import JobFile, Sources, requested_job, run_job
from batchcls.errors import UsageError
from batchcls.job.choices import EMBEDDING

ENDING = ".npy"
NONE = ("output", "cluster", "follow", "embeddings", *FAST)
"""Options of a run that go with no features, or that are named otherwise."""

Out = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE.npy", help="File of features to write.")
]


@with_job_options([option for option in OPTIONS if option.field not in NONE])
def embed(
    out: Out,
    sources: Sources = None,
    job_file: JobFile = None,
    *,
    options: Mapping[str, Any],
) -> int:
    """Keep the features of each image: one row each in a .npy file.

    Row k is what image k is to the model before its last layer, as float16; line k of the results
    file beside it says which image that is. Whatever stops it, the same command resumes.
    """
    if not out.endswith(ENDING) or out == ENDING:
        raise UsageError(f"--output {out}: expected a file name that ends in {ENDING}")
    given = {
        **options,
        "with_facts": [*options.get("with_facts", ()), EMBEDDING],
        "output": str(Path(out).with_suffix(".jsonl")),
    }
    job = requested_job(sources or (), job_file, given)
    return report(lambda: run_job(job), debug=job.debug)
