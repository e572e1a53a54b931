"""Which values of a job make no sense, and the messages that tell the user. Pure.

`Job` calls these on itself; its type is imported for its name alone.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from batchcls.errors import UsageError
from batchcls.job.choices import CHOICES, EMBEDDING, FACTS, option
from batchcls.job.shard import parsed

if TYPE_CHECKING:
    from batchcls.job.job import Job

MINIMUM: Mapping[str, int] = {
    "nireq": 0,
    "workers": 0,
    "batch_size": 1,
    "decode_threads": -1,
    "top": 0,
    "number_iter": 1,
    "nthreads": 0,
    "worker_memory": 0,
}

_NUMBER = r"\s*-?[0-9]+(\.[0-9]*)?(e-?[0-9]+)?"
_VECTOR = rf"([^\[]*\[)?({_NUMBER}([ ,]{_NUMBER}[ ,]{_NUMBER})?)?\s*\]?"
"""benchmark_app's forms too: "input[1,2,3]", "1 2 3"; nothing is no mean, no scale."""

_BYTE = "([0-9]{1,2}|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_COLOUR = rf"\[? *{_BYTE}([ ,] *{_BYTE}[ ,] *{_BYTE})? *\]?"

_STREAMS = "([0-9]+|AUTO|NUMA)"
_TYPE = "(f32|f16|bf16|dynamic)"


def _plain_or_by_device(value: str) -> str:
    """A pattern: one value for all devices, or ``DEVICE:value,DEVICE:value``."""
    return "|".join(("", value, f"[A-Z0-9_.]+:{value}(,[A-Z0-9_.]+:{value})*"))


FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    name: (re.compile(pattern, re.DOTALL), description)
    for name, pattern, description in (
        ("device", ".+", "a device string, for example CPU or HETERO:GPU,CPU"),
        ("names", ".+", "a pattern, for example *.jpg"),
        (
            "frames",
            "first|all|every:[1-9][0-9]{0,6}",
            "first, all or every:N, such as every:10",
        ),
        ("exclude", ".+", "a pattern, for example thumbs or *_mask.png"),
        ("output", ".*[^/]", "a file name, for example results.jsonl"),
        ("cluster", r".*\S.*", "ray, or a launcher, for example 'srun --ntasks-per-node=1'"),
        ("report", ".*[^/]", "a file name, for example report.html"),
        ("on_end", r".*\S.*", "a command, for example 'mail -s done me@example.org'"),
        ("extension", ".+", "a library file"),
        ("plugin", "[^=]+=.+", "NAME=LIBRARY, for example MYDEVICE=libmydevice.so"),
        ("mean_values", _VECTOR, "one or three numbers, for example [123.7,116.3,103.5]"),
        ("pad_value", _COLOUR, "one or three numbers from 0 to 255, for example 255"),
        ("scale_values", _VECTOR, "one or three numbers, for example [58.4,57.1,57.4]"),
        (
            "input_size",
            "[1-9][0-9]{0,4}(x[1-9][0-9]{0,4})?",
            "an edge or height and width in pixels, for example 260 or 48x192",
        ),
        (
            "layout",
            r"([^\[]*\[)?[NCHWnchw]{3,4}\]?",
            "the axes of the input, for example NCHW or NHWC",
        ),
        (
            "max_failed",
            r"[0-9]+|([0-9]{1,2}(\.[0-9]+)?|100)%",
            "a number or a percentage, for example 50 or 2%",
        ),
        ("shard", r"[1-9][0-9]{0,8}/[1-9][0-9]{0,8}", "I/N, for example 2/16"),
        (
            "nstreams",
            _plain_or_by_device(_STREAMS),
            "a number of streams, for example 2, AUTO or CPU:2,GPU:1",
        ),
        (
            "infer_precision",
            _plain_or_by_device(_TYPE),
            "a type, for example f32, bf16 or CPU:f32,GPU:f16",
        ),
    )
}
"""What options with a form of their own must match; None always does."""


def check(job: "Job") -> None:
    """Refuse values that make no sense.

    Raises:
        UsageError: names the option, its value, and what is allowed.
    """
    tuples = "sources names exclude device extension plugin with_facts cluster"
    for name in tuples.split():
        if isinstance(getattr(job, name), str):
            raise UsageError(f"Job.{name} must be a tuple of strings, not one string")
    if not job.sources:
        raise UsageError(
            "no images to label: name a directory, image files, @list.txt, or - for a list on "
            "standard input"
        )
    if job.features is not None and not job.embeds:
        raise UsageError(f"--features {job.features}: to keep them, add `--with {EMBEDDING}`")
    check_options(job)


def check_options(job: "Job") -> None:
    """The same for commands that need no images.

    Raises:
        UsageError: as `check`.
    """
    for name, least in MINIMUM.items():
        value = getattr(job, name)
        if value < least:
            raise UsageError(f"{option(name)} {value}: must be {least} or more")
    for name, allowed in CHOICES.items():
        value = getattr(job, name)
        if value and value not in allowed:
            raise UsageError(f"{option(name)} {value}: expected one of {', '.join(allowed)}")
    if job.threshold is not None and not 0 <= job.threshold <= 1:
        raise UsageError(f"--threshold {job.threshold:g}: must be from 0 to 1")
    if not 0 <= job.device_agreement <= 100:
        raise UsageError(f"--device-agreement {job.device_agreement:g}: must be from 0 to 100")
    if not 50 <= job.fast_agreement <= 100:
        raise UsageError(f"--fast-agreement {job.fast_agreement:g}: must be from 50 to 100")
    if not job.timeout > 0:
        raise UsageError(f"--timeout {job.timeout:g}: must be more than 0 seconds")
    if job.crop_fraction is not None and not 0 < job.crop_fraction <= 1:
        raise UsageError(
            f"--crop-fraction {job.crop_fraction:g}: expected a share above 0 and up to 1, for "
            "example 0.875"
        )
    _check_forms(job)
    _check_together(job)


def _check_forms(job: "Job") -> None:
    """Refuse values that do not have the form of their option."""
    for name, (form, description) in FORMS.items():
        value = getattr(job, name)
        for text in value if isinstance(value, tuple) else (value,):
            if text is not None and not form.fullmatch(text):
                raise UsageError(f"{option(name)} {text!r}: expected {description}")
    for fact in split(job.with_facts):
        if fact not in (*FACTS, EMBEDDING):
            raise UsageError(f"--with {fact}: expected one of {', '.join((*FACTS, EMBEDDING))}")
    for name in ("device", "names"):
        if not getattr(job, name):
            raise UsageError(f"{option(name)}: no value given; leave it out for the default")


def _check_together(job: "Job") -> None:
    """Refuse options that exclude each other."""
    modes = [name for name in ("fresh", "extend", "follow", "retry_failed") if getattr(job, name)]
    if len(modes) > 1:
        raise UsageError(f"{' and '.join(map(option, modes))}: use only one of them")
    if job.shard is not None and (numbers := parsed(job.shard)) and numbers[0] > numbers[1]:
        raise UsageError(f"--shard {job.shard}: the first number must not exceed the second")
    if job.shard is not None and job.extend:
        raise UsageError(
            "--extend and --shard: the parts of a longer list are others; merge the shards, then "
            "use `--extend` without `--shard` on the merged results"
        )
    if job.follow:
        _check_follow(job)
    if job.embeds:
        _check_embedding(job)
    if job.embeddings is not None:
        _check_embeddings(job)
    _check_commands(job)
    _check_fast(job)
    if job.sources.count("-") > 1:
        raise UsageError("source -: standard input can be read only once")
    if job.output == "-":
        raise UsageError(
            "--output -: results go to a file, so that a run can resume after a crash; name a "
            "file, and follow it with `tail -F FILE.part` while it grows"
        )


def _refuse_beside(job: "Job", asked: str, **others: str) -> None:
    """Refuse what is asked for together with any of these fields of a job, each with its reason."""
    for name, why in others.items():
        if getattr(job, name):
            raise UsageError(f"{asked} and {option(name)}: {why}; leave one of them out")


def _check_follow(job: "Job") -> None:
    """Refuse what makes no sense for a list that grows."""
    _refuse_beside(
        job,
        "--follow",
        shard="nobody can tell the parts of a list that grows",
        cluster="what is new is labelled by the workers of this machine",
    )
    if job.number_iter > 1:
        raise UsageError("--follow and --number-iter: each image is labelled once; leave one out")


def _check_embedding(job: "Job") -> None:
    """Refuse what rows of features cannot be written beside."""
    _refuse_beside(
        job,
        f"--with {EMBEDDING}",
        cluster="rows are written to a file of this machine",
        follow="a file of rows has its size from the start",
        fast="rows of two precisions are not comparable",
    )
    if job.number_iter > 1:
        raise UsageError(
            f"--with {EMBEDDING} and --number-iter: each image has one row; leave one of them out"
        )


def _check_embeddings(job: "Job") -> None:
    """Refuse what rows of features, in place of pictures, cannot give the same bytes for."""
    pictures = [fact for fact in split(job.with_facts) if fact not in ("margin", "entropy")]
    if pictures:
        raise UsageError(
            f"--embeddings and --with {','.join(pictures)}: no picture is looked at; leave one out"
        )
    _refuse_beside(
        job,
        "--embeddings",
        cluster="rows are read on this machine",
        fast="rows are of one precision",
        extend="new images have no rows",
        follow="new images have no rows",
        retry_failed="failed images have no rows",
        perf_counts="only the last layer is computed",
    )
    if job.number_iter > 1:
        raise UsageError("--embeddings and --number-iter: it would time nothing; leave one out")
    if job.decode == "reduced":
        raise UsageError(
            "--embeddings and --decode reduced: which pictures are decoded in full depends on the "
            "answer; leave one of them out"
        )


def _check_fast(job: "Job") -> None:
    """Refuse what `--fast` cannot be measured beside."""
    if job.fast_plan is not None and not job.fast:
        raise UsageError("--fast-plan: it says how to look twice; add `--fast`")
    if not job.fast:
        return
    if any(":" in device or not device.startswith("CPU") for device in job.device):
        raise UsageError(f"--fast --device {','.join(job.device)}: it works on the CPU alone")
    if job.follow and job.fast_plan is None:
        raise UsageError(
            "--follow and --fast: there are no images yet to measure it on; name a run that has "
            "measured with `--fast-plan RESULTS`"
        )
    for name in ("infer_precision", "load_config"):
        if getattr(job, name):
            raise UsageError(f"--fast chooses in which precision to look; leave out {option(name)}")


def _check_commands(job: "Job") -> None:
    """Refuse commands that cannot be taken apart, and what belongs to one machine."""
    for name, lines in (("cluster", job.cluster), ("on_end", (job.on_end or "-",))):
        for line in lines:
            try:
                shlex.split(line)
            except ValueError as error:
                raise UsageError(f"{option(name)} {line}: {str(error).lower()}") from error
    if "ray" in job.cluster and len(job.cluster) > 1:
        raise UsageError("--cluster ray: it brings all machines; leave the other launchers out")


def split(values: Sequence[str]) -> list[str]:
    """Values of an option that may be repeated, or hold several separated by commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
