"""Everything that defines a run, as one frozen value; command line and job file fill it in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from batchcls.errors import UsageError

FACTS = ("margin", "entropy", "width", "height", "sha256")
"""What a record can say besides its classes."""

PROGRESS_KINDS = ("auto", "rich", "bar", "plain", "json", "none")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "activation": ("softmax", "sigmoid", "none"),
    "int8": ("exact", "fast"),
    "progress": PROGRESS_KINDS,
    "hint": ("throughput", "latency", "cumulative_throughput", "none", "tput", "ctput"),
    "resize_type": (
        "standard", "crop", "fit_to_window", "fit_to_window_letterbox",
        "shortest_edge", "squash", "border", "centre_fraction",
    ),
    "interpolation": (
        "linear", "cubic", "nearest", "area", "lanczos",
        "pillow_bilinear", "pillow_bicubic", "pillow_lanczos", "pillow_box", "pillow_hamming",
        "pillow_nearest",
    ),
    "decode": ("full", "reduced"),
    "preprocess": ("torchvision", "timm", "tf", "caffe", "none"),
    "log_level": ("debug", "info", "warning", "error"),
}  # fmt: skip
"""What options with a fixed set of values allow; None and "" (decided elsewhere) always do."""

MINIMUM: Mapping[str, int] = {
    "nireq": 0, "workers": 0, "batch_size": 1, "decode_threads": -1, "top": 0,
    "number_iter": 1, "nthreads": 0, "worker_memory": 0,
}  # fmt: skip

DEFAULT_TOP = 10
DEFAULT_OUTPUT = "results.jsonl"
DEFAULT_NAMES = (
    "*.jpg", "*.jpeg", "*.jpe", "*.jfif", "*.png", "*.webp", "*.bmp", "*.dib",
    "*.tif", "*.tiff", "*.gif",
)  # fmt: skip

_NUMBER = r"\s*-?[0-9]+(\.[0-9]*)?(e-?[0-9]+)?"
_VECTOR = rf"([^\[]*\[)?({_NUMBER}([ ,]{_NUMBER}[ ,]{_NUMBER})?)?\s*\]?"
"""benchmark_app's forms too: "input[1,2,3]", "1 2 3"; nothing is no mean, no scale."""

_STREAMS = "([0-9]+|AUTO|NUMA)"
_TYPE = "(f32|f16|bf16|dynamic)"


def _plain_or_by_device(value: str) -> str:
    """A pattern: one value for all devices, or ``DEVICE:value,DEVICE:value``."""
    return "|".join(("", value, f"[A-Z0-9_.]+:{value}(,[A-Z0-9_.]+:{value})*"))


FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    name: (re.compile(pattern, re.DOTALL), words)
    for name, pattern, words in (
        ("device", ".+", "a device string, such as CPU or HETERO:GPU,CPU"),
        ("names", ".+", "a pattern, such as *.jpg"),
        ("output", ".*[^/]", "a file name, such as " + DEFAULT_OUTPUT),
        ("extension", ".+", "a library file"),
        ("plugin", "[^=]+=.+", "NAME=LIBRARY"),
        ("mean_values", _VECTOR, 'one or three numbers, such as "[123.7,116.3,103.5]"'),
        ("scale_values", _VECTOR, 'one or three numbers, such as "[58.4,57.1,57.4]"'),
        ("layout", r"([^\[]*\[)?[NCHWnchw]{3,4}\]?", "such as NCHW or NHWC"),
        ("max_failed", r"[0-9]+|([0-9]{1,2}(\.[0-9]+)?|100)%", "a number or a percentage"),
        ("nstreams", _plain_or_by_device(_STREAMS), "such as 2, AUTO or CPU:2,GPU:1"),
        ("infer_precision", _plain_or_by_device(_TYPE), "such as f32, bf16 or CPU:f32,GPU:f16"),
    )
}
"""What options with a form of their own must match; None always does."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run of batchcls, whole: sources, model, devices, preprocessing, results, display.

    Field names are the long option names with underscores, and the keys of a job file.

    Attributes:
        sources: directories, image files, ``@list.txt``, or ``-`` for a list on standard input.
        null_separated: lists are separated by NUL bytes, not newlines (``-0``).
        names: file-name patterns considered below directories, matched without case.
        follow_links: follow symbolic links to directories.
        model: file, directory or ``hf://ORG/NAME``; None is the built-in photo-quality model.
        labels: file of class names; None takes the model's own.
        activation: softmax, sigmoid or none, from raw outputs to scores; None = decided.
        device: OpenVINO device strings, one compiled model each in every worker.
        nireq: infer requests per device and worker; 0 = the device's optimum.
        workers: worker processes; 0 = decided from cores and devices.
        batch_size: images in one infer request.
        decode_threads: threads per worker that read, decode and preprocess; -1 = decided.
        top: classes per image; 0 = what the model says, else `DEFAULT_TOP`.
        with_facts: what else each record says: margin, entropy, width, height, sha256
            (``--with``).
        output: the results file.
        extension: custom operation libraries.
        plugins: an OpenVINO plugins XML file, or a folder that holds one.
        plugin: ``NAME=LIBRARY`` devices to register.
        perf_counts: collect per-layer counters.
        number_iter: passes over the inputs, for a throughput figure.
        hint: throughput, latency, cumulative_throughput or none; "" = decided.
        nstreams: streams per device ("2", or "CPU:2,GPU:1"); "" = decided.
        nthreads: inference threads of the CPU per worker; 0 = decided.
        infer_precision: "f32", "bf16", "f16", or per device ("CPU:f32,GPU:f16"); "" = decided.
        int8: how CPUs compute quantised layers: exact, as the model states them, or fast, in
            OpenVINO's own int8; None = fast where the weights leave room for its sums, else exact.
        cache: keep compiled models, and take those that are kept.
        cache_dir: folder of compiled models; None = the user's cache folder.
        load_config: JSON file of OpenVINO properties by device.
        mean_values: per channel, in the model's channel order and pixel units ("[123.7,…]").
        scale_values: divisors per channel, like mean_values.
        reverse_input_channels: the model wants RGB (OpenCV decodes BGR); None = its metadata.
        resize_type: standard, crop, fit_to_window or fit_to_window_letterbox; None = metadata.
        interpolation: linear, cubic, nearest, area …; None = metadata.
        layout: of the model's input ("NCHW"); None = from metadata or shape.
        preprocess: a named preset for models without metadata; None = none.
        decode: full, or reduced: JPEGs much larger than the model's input are decoded smaller, and
            in full where the answer is close.
        progress: how progress is shown.
        fresh: forget an earlier run under the same output.
        extend: add images that are new since a finished run.
        retry_failed: redo the failed images of a finished run, as a new generation.
        strict_devices: refuse when any named device is missing.
        timeout: seconds an image may take in one stage before its worker is killed.
        worker_memory: MB above which a worker is replaced, and by which it may grow for an image;
            0 = no limit but the fair share of the machine.
        max_failed: failed images that are still a success ("50" or "2%"); None = any number.
        log_level: of the run's log file.
        debug: tracebacks for everything.
    """

    sources: tuple[str, ...] = ()
    null_separated: bool = False
    names: tuple[str, ...] = DEFAULT_NAMES
    follow_links: bool = False
    model: str | None = None
    labels: str | None = None
    activation: str | None = None
    device: tuple[str, ...] = ("CPU",)
    nireq: int = 0
    workers: int = 0
    batch_size: int = 1
    decode_threads: int = -1
    top: int = 0
    with_facts: tuple[str, ...] = ()
    output: str = DEFAULT_OUTPUT
    extension: tuple[str, ...] = ()
    plugins: str | None = None
    plugin: tuple[str, ...] = ()
    perf_counts: bool = False
    number_iter: int = 1
    hint: str = ""
    nstreams: str = ""
    nthreads: int = 0
    infer_precision: str = ""
    int8: str | None = None
    cache: bool = True
    cache_dir: str | None = None
    load_config: str | None = None
    mean_values: str | None = None
    scale_values: str | None = None
    reverse_input_channels: bool | None = None
    resize_type: str | None = None
    interpolation: str | None = None
    layout: str | None = None
    preprocess: str | None = None
    decode: str = "full"
    progress: str = "auto"
    fresh: bool = False
    extend: bool = False
    retry_failed: bool = False
    strict_devices: bool = False
    timeout: float = 60.0
    worker_memory: int = 0
    max_failed: str | None = None
    log_level: str = "info"
    debug: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The job as JSON data; `from_dict` turns it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A job from JSON or TOML data; lists become tuples.

        Raises:
            UsageError: a key that is no option.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise UsageError(f"unknown option in the job: {', '.join(unknown)}")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**values)

    @property
    def facts(self) -> tuple[str, ...]:
        """What each record says besides its classes, each once and in the record's order."""
        wanted = _split(self.with_facts)
        return tuple(fact for fact in FACTS if fact in wanted)

    def check(self) -> None:
        """Refuse values that make no sense, before anything is started.

        What only the model, the devices or the file system can tell is theirs to check.

        Raises:
            UsageError: names the option, its value, and what is allowed.
        """
        for name in ("sources", "names", "device", "extension", "plugin", "with_facts"):
            if isinstance(getattr(self, name), str):
                raise UsageError(f"Job.{name} must be a tuple of strings, not one string")
        if not self.sources:
            raise UsageError(
                "no images to label: name a directory, image files, @list.txt, or - for a list on "
                "standard input"
            )
        self.check_options()

    def check_options(self) -> None:
        """Refuse values that make no sense, for commands that need no images.

        Raises:
            UsageError: names the option, its value, and what is allowed.
        """
        for name, least in MINIMUM.items():
            value = getattr(self, name)
            if value < least:
                raise UsageError(f"{option(name)} {value}: must be {least} or more")
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value and value not in allowed:
                raise UsageError(f"{option(name)} {value}: not one of {', '.join(allowed)}")
        if not self.timeout > 0:
            raise UsageError(f"--timeout {self.timeout:g}: must be more than 0 seconds")
        self._check_forms()
        self._check_together()

    def _check_forms(self) -> None:
        """Options whose values have a form of their own."""
        for name, (form, words) in FORMS.items():
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value,):
                if text is not None and not form.fullmatch(text):
                    raise UsageError(f"{option(name)} {text!r}: must be {words}")
        for fact in _split(self.with_facts):
            if fact not in FACTS:
                raise UsageError(f"--with {fact}: not one of {', '.join(FACTS)}")
        for name in ("device", "names"):
            if not getattr(self, name):
                raise UsageError(f"{option(name)}: none given; leave it out for the default")

    def _check_together(self) -> None:
        """Options that exclude each other."""
        modes = [n for n in ("fresh", "extend", "retry_failed") if getattr(self, n)]
        if len(modes) > 1:
            raise UsageError(f"{' and '.join(map(option, modes))}: only one of them at a time")
        if self.sources.count("-") > 1:
            raise UsageError("source -: standard input can be read only once")
        if self.output == "-":
            raise UsageError(
                "--output -: results go to a file, which is what a run goes on from after a crash; "
                "name one, and read it by `tail -F FILE.part` while it grows"
            )


SPELLINGS: Mapping[str, str] = {"null_separated": "--null", "with_facts": "--with"}
"""Options that are not spelled as their field."""


def option(name: str) -> str:
    """A field's name as an option: ``batch_size`` is ``--batch-size``."""
    return SPELLINGS.get(name, "--" + name.replace("_", "-"))


def _split(values: Sequence[str]) -> list[str]:
    """Values of an option that may be repeated, or hold several separated by commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
