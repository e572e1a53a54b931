"""`batchcls tune`: the fastest layout for a model and images on this machine, as a job file."""

import statistics
from pathlib import Path

from batchcls.bench.jobtext import job_text
from batchcls.bench.tune import tune as try_layouts
from batchcls.bench.tune import words
from batchcls.cli.terminal import complain, say
from batchcls.errors import UsageError
from batchcls.job.job import Job


def tune(job: Job, file: str, seconds: float) -> int:
    """Try layouts, and write the winner into a job file.

    Args:
        job: model, devices, sources.
        file: the job file; must not be there yet.
        seconds: about how long it may take.

    Raises:
        BatchclsError: the job is wrong, or the file is there or cannot be written.
    """
    path = Path(file)
    try:
        path.open("x").close()  # before two minutes of work, not after
    except OSError as error:
        raise UsageError(f"job file {file}: {error.strerror}; name another (--to)") from error
    written = False
    try:
        layouts, raced = try_layouts(job, seconds, complain)
        best, won = raced.winner, layouts[raced.winner]
        fps, was = statistics.median(raced.final(best)), statistics.median(raced.final(0))
        first = f"batchcls tune: {fps:.1f} images/s here, {was:.1f} by default"
        path.write_text(job_text(job, won, first), encoding="utf-8")
        written = True
    finally:
        if not written:
            path.unlink(missing_ok=True)
    verdict = "the default is as good as any" if best == 0 else f"{fps / was:.2f} times the default"
    verdict += f" ({len(raced.final(0))} rounds)"
    say(
        f"{words(won)}: {fps:.1f} images/s, {verdict}\n"
        f"written to {file}; `batchcls run {file}` uses it"
    )
    return 0
