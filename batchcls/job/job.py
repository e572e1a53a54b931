"""One frozen value with everything that a user can set; command line and job file fill it in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from batchcls.errors import UsageError
from batchcls.job import checks
from batchcls.job.choices import EMBEDDING, FACTS

DEFAULT_TOP = 10
DEFAULT_OUTPUT = "results.jsonl"
RAW_NAMES = (
    "*.dng", "*.nef", "*.nrw", "*.cr2", "*.cr3", "*.arw", "*.raf", "*.rw2", "*.orf", "*.pef",
    "*.srw",
)  # fmt: skip
"""What joins the usual names with `raw`."""
DEFAULT_NAMES = (
    "*.jpg",
    "*.jpeg",
    "*.jpe",
    "*.jfif",
    "*.png",
    "*.webp",
    "*.bmp",
    "*.dib",
    "*.tif",
    "*.tiff",
    "*.gif",
    "*.jp2",
    "*.j2k",
    "*.avif",
    "*.heic",
    "*.heif",
    "*.hif",
)


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that defines a run: sources, model, devices, preprocessing, results, display.

    Field names are the long option names with underscores, and the keys of a job file.

    Attributes:
        sources: directories, image files, ``s3://BUCKET/PREFIX``, ``@list.txt``, or ``-``
            for a list on standard input.
        null_separated: lists are separated by NUL bytes, not newlines (``-0``).
        names: file-name patterns considered below directories, matched without case.
        exclude: patterns of names of files and folders to leave out below directories, besides
            the folders of thumbnails and deleted files that programs make.
        frames: which pages of a TIFF, and frames of a GIF or WebP, are images: first, all or
            every:N.
        raw: label the previews in cameras' raw files, which are then among the usual names.
        follow_links: follow symbolic links to directories.
        model: file, directory, ``hf://ORG/NAME`` or ``imagenet``; None is the built-in
            photo-quality model.
        labels: file of class names; None takes the model's own.
        score_output: which output gives the class scores, by name or number; None = decided.
        features: which tensor is kept with ``--with embedding``, by name; None = the input of the
            last layer.
        activation: softmax, sigmoid or none, from raw outputs to scores; None = decided.
        multilabel: each class has its own yes and no (sigmoid), and the answer is every class from
            `threshold` on; None = its metadata.
        threshold: lowest score of a class in a multi-label answer, 0 to 1; None = its metadata,
            else 0.5.
        device: OpenVINO device strings, one compiled model each in every worker.
        nireq: infer requests per device and worker; 0 = the device's optimum.
        workers: worker processes; 0 = decided from cores and devices.
        batch_size: images in one infer request.
        decode_threads: threads per worker that read, decode and preprocess; -1 = decided.
        top: classes per image; 0 = what the model says, else `DEFAULT_TOP`, and for multi-label
            models every class from the threshold on.
        classes: file of the classes that count, by label or index; None = all of the model's.
        always: file of the classes whose scores each record has, whatever their rank.
        with_facts: what else each record says, of `batchcls.job.choices.FACTS` (``--with``), and
            whether the features of each image are kept.
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
        cache: reuse compiled models of earlier runs, and cache new ones.
        cache_dir: folder of cached models; None = the user's cache folder.
        load_config: JSON file of OpenVINO properties by device.
        mean_values: per channel, in the model's channel order and pixel units ("[123.7,…]").
        scale_values: divisors per channel, like mean_values.
        reverse_input_channels: the model takes RGB (OpenCV decodes BGR); None = its metadata.
        resize_type: one of `batchcls.job.choices.RESIZE_TYPES`; None = metadata.
        input_size: edges of the model's input ("260", or height and width, "48x192"); None = its
            shape, or its metadata where that leaves them open.
        crop_fraction: share of the resized picture that a centre crop keeps; None = metadata.
        pad_value: of borders, one or three whole numbers like mean_values; None = metadata.
        interpolation: linear, cubic, nearest, area …; None = metadata.
        layout: of the model's input ("NCHW"); None = from metadata or shape.
        preprocess: a named preset for models without metadata; None = none.
        strict_preprocess: refuse a model whose preprocessing would be a guess.
        decode: full, or reduced: JPEGs much larger than the model's input are decoded smaller, and
            in full where the answer is close.
        fast: look at each image in less than f32 first, and in f32 where the answer is close.
        fast_agreement: percent of the images that must have the best class of f32 all the same.
        fast_plan: another run, whose trial is taken over; None = there is a trial before the run.
        yes: begin with `fast` though fewer images than that have the same best class.
        progress: how progress is shown.
        cluster: where else workers run than on this machine: ``ray``, or launchers that start an
            agent on each machine ("srun --ntasks-per-node=1"); () = here.
        shard: label one contiguous part of the images ("2/16", from 1); None = all.
        fresh: start over, and forget an earlier run with this output.
        extend: add images that are new since a complete run.
        follow: label images that come later, too, until told to stop.
        retry_failed: try the failed images of a complete run again, as a new generation.
        embeddings: file of features of the same images, kept by a run with the model that this one
            was taught on; None = they are computed from the pictures.
        mixed_processors: go on though this machine rounds scores otherwise than the one before.
        device_check: compare what is not the plain CPU with it before the run.
        device_agreement: percent of clear images on which a device must agree with the CPU.
        strict_devices: refuse when any named device is missing.
        timeout: seconds an image may take in one stage before its worker is killed.
        worker_memory: MB above which a worker is replaced, and by which it may grow for an image;
            0 = no limit but the fair share of the machine.
        max_failed: failed images allowed before exit code 3 ("50" or "2%"); None = any number.
        report: file of HTML to write about the run once it is complete; None = none.
        on_end: command that is told how the run ended, as for a shell; None = nobody is.
        log_level: of the run's log file.
        debug: tracebacks for everything.
    """

    sources: tuple[str, ...] = ()
    null_separated: bool = False
    names: tuple[str, ...] = DEFAULT_NAMES
    exclude: tuple[str, ...] = ()
    frames: str = "first"
    raw: bool = False
    follow_links: bool = False
    model: str | None = None
    labels: str | None = None
    score_output: str | None = None
    features: str | None = None
    activation: str | None = None
    multilabel: bool | None = None
    threshold: float | None = None
    device: tuple[str, ...] = ("CPU",)
    nireq: int = 0
    workers: int = 0
    batch_size: int = 1
    decode_threads: int = -1
    top: int = 0
    classes: str | None = None
    always: str | None = None
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
    input_size: str | None = None
    crop_fraction: float | None = None
    pad_value: str | None = None
    interpolation: str | None = None
    layout: str | None = None
    preprocess: str | None = None
    strict_preprocess: bool = False
    decode: str = "full"
    fast: bool = False
    fast_agreement: float = 99.5
    fast_plan: str | None = None
    yes: bool = False
    progress: str = "auto"
    cluster: tuple[str, ...] = ()
    shard: str | None = None
    fresh: bool = False
    extend: bool = False
    follow: bool = False
    retry_failed: bool = False
    embeddings: str | None = None
    mixed_processors: bool = False
    device_check: bool = True
    device_agreement: float = 98.0
    strict_devices: bool = False
    timeout: float = 60.0
    worker_memory: int = 0
    max_failed: str | None = None
    report: str | None = None
    on_end: str | None = None
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
    def patterns(self) -> tuple[str, ...]:
        """Patterns of the names of images: `names`, and with `raw` those of raw files.

        Names that somebody chose stay as they are.
        """
        usual = self.names == DEFAULT_NAMES
        return (*DEFAULT_NAMES, *RAW_NAMES) if self.raw and usual else self.names

    @property
    def frame_step(self) -> int:
        """From one frame of a file to the next that is an image; 0 = the first alone is."""
        if self.frames == "first":
            return 0
        return int(self.frames.partition(":")[2] or 1)

    @property
    def facts(self) -> tuple[str, ...]:
        """What each record says besides its classes, each once and in the record's order."""
        requested = checks.split(self.with_facts)
        return tuple(fact for fact in FACTS if fact in requested)

    @property
    def embeds(self) -> bool:
        """The features of each image are kept, in a file of their own."""
        return EMBEDDING in checks.split(self.with_facts)

    def check(self) -> None:
        """Refuse values that make no sense, before anything is started.

        What only the model, the devices or the file system can tell is theirs to check.

        Raises:
            UsageError: names the option, its value, and what is allowed.
        """
        checks.check(self)

    def check_options(self) -> None:
        """The same for commands that need no images.

        Raises:
            UsageError: as `check`.
        """
        checks.check_options(self)
