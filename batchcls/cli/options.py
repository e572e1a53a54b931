"""Every option of ``run``, once: its spelling, its section of the help, and what the help says."""

from collections.abc import Collection
from dataclasses import dataclass

from batchcls.images import FACTS
from batchcls.job.choices import CHOICES, key
from batchcls.job.job import DEFAULT_OUTPUT, DEFAULT_TOP

IMAGES = "Images"
MODEL = "Model"
SPEED = "Devices and speed"
PICTURE = "Preprocessing; the default is what the model's own files say"
RESULTS = "Results"
RUNNING = "While it runs"


@dataclass(frozen=True, slots=True)
class Option:
    """How the command line sets one field of `batchcls.job.job.Job`.

    Attributes:
        field: of the job; its key in a job file is the long option.
        section: heading in the help.
        text: what the help says.
        show: stands for the value in the help; empty for switches.
        short: a one-letter spelling.
    """

    field: str
    section: str
    text: str
    show: str = ""
    short: str = ""

    @property
    def name(self) -> str:
        """The long spelling, without its dashes."""
        return key(self.field)


def _one_of(field: str) -> str:
    return ", ".join(CHOICES[field])


OPTIONS = (
    # ---- images
    Option(
        "names",
        IMAGES,
        "File names considered below directories, repeatable; default: the usual endings of JPEG, "
        "PNG, WebP, BMP, TIFF, GIF. What a file is, its content tells.",
        "PATTERN",
    ),
    Option("null_separated", IMAGES, "Lists are separated by NUL bytes.", short="-0"),
    Option("follow_links", IMAGES, "Follow symbolic links to directories."),
    # ---- model
    Option(
        "model",
        MODEL,
        "IR .xml, .onnx, .tflite, …, a directory, or hf://ORG/NAME; default: the built-in "
        "photo-quality model.",
        "FILE",
        "-m",
    ),
    Option("labels", MODEL, "Class names: one per line, `id name`, or JSON.", "FILE"),
    Option(
        "activation",
        MODEL,
        f"{_one_of('activation')}: makes scores of raw outputs; default: from graph and metadata.",
        "HOW",
    ),
    Option(
        "top", MODEL, f"Classes per image; default: what the model says, else {DEFAULT_TOP}.", "N"
    ),
    Option("extension", MODEL, "Library of custom operations; repeatable.", "LIB", "-l"),
    # ---- devices and speed
    Option(
        "device",
        SPEED,
        "Any OpenVINO device string; repeatable. HETERO:GPU,CPU splits one model over devices with "
        "fallback; to have two devices work on different images, give --device twice. [CPU]",
        "D",
        "-d",
    ),
    Option("strict_devices", SPEED, "Refuse when any named device is missing."),
    Option("nireq", SPEED, "Infer requests per device and worker; 0 = the device's optimum.", "N"),
    Option("workers", SPEED, "Worker processes; 0 = from cores and devices.", "N", "-w"),
    Option("batch_size", SPEED, "Images per infer request. [1]", "N", "-b"),
    Option("decode_threads", SPEED, "Per worker, to read and decode; -1 = decided.", "N"),
    Option("hint", SPEED, f"{_one_of('hint')}; default: decided.", "HINT"),
    Option("nstreams", SPEED, "Streams, for all devices or CPU:2,GPU:1.", "S"),
    Option("nthreads", SPEED, "CPU inference threads per worker; 0 = decided.", "N"),
    Option("infer_precision", SPEED, "f32, bf16, f16; or CPU:f32,GPU:f16.", "TYPE"),
    Option("cache", SPEED, "Start from compiled models that are kept. [on]"),
    Option("cache_dir", SPEED, "Folder that keeps them. [~/.cache/batchcls/compiled]", "DIR"),
    Option(
        "int8",
        SPEED,
        "How a CPU computes quantised models: exact, as they are written and the same on every "
        "machine, or fast; default: fast where the weights leave room for it, else exact.",
        "HOW",
    ),
    Option("load_config", SPEED, "OpenVINO properties by device, JSON.", "FILE"),
    Option("plugins", SPEED, "OpenVINO plugins file, or a folder that holds one.", "PATH"),
    Option("plugin", SPEED, "Register one device plugin; repeatable.", "NAME=LIB"),
    # ---- preprocessing
    Option("preprocess", PICTURE, f"Preset: {_one_of('preprocess')}.", "NAME"),
    Option("mean_values", PICTURE, "Subtracted per channel, pixel units.", "[A,B,C]"),
    Option("scale_values", PICTURE, "Divisors per channel, after the mean.", "[A,B,C]"),
    Option("reverse_input_channels", PICTURE, "The model wants RGB; images are decoded as BGR."),
    Option("resize_type", PICTURE, f"{_one_of('resize_type')}.", "TYPE"),
    Option("interpolation", PICTURE, f"{_one_of('interpolation')}.", "HOW"),
    Option(
        "decode",
        PICTURE,
        "full; or reduced: JPEGs far larger than the model's input are decoded at 1/2, 1/4, 1/8, "
        "and in full where the answer is close: faster, scores and few answers differ. [full]",
        "HOW",
    ),
    Option("layout", PICTURE, "Of the model's input: NCHW, NHWC, …", "LAYOUT"),
    # ---- results
    Option(
        "with_facts",
        RESULTS,
        f"More in each record: {', '.join(FACTS)}; several with commas.",
        "FACT,…",
    ),
    Option("output", RESULTS, f"The results file. [{DEFAULT_OUTPUT}]", "FILE", "-o"),
    Option("fresh", RESULTS, "Start over; forget an earlier run of this output."),
    Option("extend", RESULTS, "Add images that are new since a finished run."),
    Option("retry_failed", RESULTS, "Redo the failed images of a finished run."),
    Option("max_failed", RESULTS, "Failed images that are still a success. [any number]", "N|P%"),
    Option("number_iter", RESULTS, "Passes over the images, for a throughput figure. [1]", "N"),
    Option("perf_counts", RESULTS, "Per-layer counters, as a table and in perf_counts.csv."),
    # ---- while it runs
    Option("progress", RUNNING, f"{_one_of('progress')}.", "KIND"),
    Option("timeout", RUNNING, "An image may take so long before its worker is killed. [60]", "S"),
    Option(
        "worker_memory",
        RUNNING,
        "Replace a worker that has grown above it; an image that needs more fails. [0 = none]",
        "MB",
    ),
    Option("log_level", RUNNING, f"{_one_of('log_level')}. [info]", "LEVEL"),
    Option("debug", RUNNING, "Tracebacks for everything."),
)


def select(*sections_and_fields: str, without: Collection[str] = ()) -> list[Option]:
    """The options of some sections, and of some fields.

    Args:
        sections_and_fields: what is taken.
        without: fields that are left out.
    """
    return [
        option
        for option in OPTIONS
        if (option.section in sections_and_fields or option.field in sections_and_fields)
        and option.field not in without
    ]
