"""Every option of a job, once: its spelling, its section of the help, and what the help says."""

from collections.abc import Collection

from batchcls.cli.job_options import (
    IMAGES,
    MODEL,
    PREPROCESSING,
    RESULTS,
    RUNNING,
    SPEED,
    Option,
)
from batchcls.job.choices import CHOICES, EMBEDDING, FACTS
from batchcls.job.job import DEFAULT_OUTPUT, DEFAULT_TOP


def _one_of(field: str) -> str:
    return ", ".join(CHOICES[field])


OPTIONS = (
    # ---- images
    Option(
        "names",
        IMAGES,
        "File names to look for in directories, as a pattern; repeatable. Default: the usual "
        "endings of JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF, HEIC and JPEG 2000. A file's type is "
        "told by its content.",
        "PATTERN",
    ),
    Option(
        "exclude",
        IMAGES,
        "Names of files and folders to leave out of directories, as a pattern; repeatable. "
        "Folders of thumbnails and deleted files (@eaDir, $RECYCLE.BIN, …) are always left out.",
        "PATTERN",
    ),
    Option("null_separated", IMAGES, "Paths in lists end with NUL bytes, not newlines.", "", "-0"),
    Option(
        "frames",
        IMAGES,
        "Which pages of a TIFF, and frames of a GIF or WebP, are images: first, all or every:N. "
        "[first]",
        "WHICH",
    ),
    Option(
        "raw",
        IMAGES,
        "Label cameras' raw files (DNG, NEF, CR2, CR3, ARW, RAF, …) by the preview inside.",
    ),
    Option("follow_links", IMAGES, "Follow symbolic links to directories."),
    # ---- model
    Option(
        "model",
        MODEL,
        "IR (.xml), .onnx, .tflite, …, a directory, hf://ORG/NAME, or imagenet. Default: the "
        "built-in photo-quality model.",
        "FILE",
        "-m",
    ),
    Option("labels", MODEL, "File of class names: text, CSV, JSON, YAML or .pbtxt.", "FILE"),
    Option(
        "score_output",
        MODEL,
        "Output that gives the class scores, by name or number. Default: from labels and graph.",
        "NAME",
    ),
    Option(
        "activation",
        MODEL,
        f"How raw outputs become scores: {_one_of('activation')}. Default: from the graph and the "
        "metadata.",
        "HOW",
    ),
    Option(
        "multilabel",
        MODEL,
        "Classes are independent of each other, as tags are: each image gets every class whose "
        "score reaches the threshold. Default: what the model says.",
    ),
    Option(
        "threshold",
        MODEL,
        "Lowest score of a class in a multi-label answer, 0 to 1. Default: what the model says, "
        "else 0.5.",
        "T",
    ),
    Option(
        "top",
        MODEL,
        f"Classes per image, at most. Default: what the model says, else {DEFAULT_TOP}; of "
        "multi-label models all that reach the threshold.",
        "N",
    ),
    Option("extension", MODEL, "Library of custom operations; repeatable.", "LIB", "-l"),
    # ---- devices and speed
    Option(
        "device",
        SPEED,
        "Any OpenVINO device string; repeatable. HETERO:GPU,CPU splits one model over devices with "
        "fallback; to have two devices work on different images, give `--device` twice. [CPU]",
        "D",
        "-d",
    ),
    Option("strict_devices", SPEED, "Refuse to run when any named device is missing."),
    Option(
        "device_check",
        SPEED,
        "Compare what is not the plain CPU with it on 64 images before the run. [on]",
    ),
    Option(
        "device_agreement",
        SPEED,
        "Share of clear images that a device must label as the CPU does. [98]",
        "P%",
    ),
    Option("nireq", SPEED, "Infer requests per device and worker. [0: automatic]", "N"),
    Option("workers", SPEED, "Worker processes. [0: automatic]", "N", "-w"),
    Option("batch_size", SPEED, "Images per infer request. [1]", "N", "-b"),
    Option(
        "decode_threads", SPEED, "Threads per worker that read and decode. [-1: automatic]", "N"
    ),
    Option("hint", SPEED, f"Performance hint: {_one_of('hint')}. [throughput]", "HINT"),
    Option("nstreams", SPEED, "Inference streams, for example 2 or CPU:2,GPU:1. [automatic]", "S"),
    Option("nthreads", SPEED, "CPU inference threads per worker. [0: automatic]", "N"),
    Option(
        "infer_precision",
        SPEED,
        "Inference precision, for example bf16 or CPU:f32,GPU:f16. Default: f32 on CPUs.",
        "TYPE",
    ),
    Option(
        "fast",
        SPEED,
        "Look at each image in bf16 or INT8 first, and again in f32 where the answer is close. "
        "What that gains, and how many answers stay the same, is measured before the run.",
    ),
    Option(
        "fast_agreement",
        SPEED,
        "Share of the images that must have the same best class with `--fast`. [99.5]",
        "P%",
    ),
    Option(
        "fast_plan",
        SPEED,
        "Results of another run with `--fast`: take over what it measured, as shards do from the "
        "first.",
        "RESULTS",
    ),
    Option("yes", SPEED, "Begin with `--fast` though fewer images keep their best class."),
    Option("cache", SPEED, "Reuse cached compiled models. [on]"),
    Option("cache_dir", SPEED, "Where they are cached. [~/.cache/batchcls/compiled]", "DIR"),
    Option(
        "int8",
        SPEED,
        "How a CPU computes quantised models: exact, the same on every machine, or fast. Default: "
        "fast where the weights leave room for it, else exact.",
        "HOW",
    ),
    Option("load_config", SPEED, "JSON file of OpenVINO properties by device.", "FILE"),
    Option("plugins", SPEED, "OpenVINO plugins file, or a folder that holds one.", "PATH"),
    Option("plugin", SPEED, "Device plugin to register; repeatable.", "NAME=LIB"),
    # ---- preprocessing
    Option("preprocess", PREPROCESSING, f"Preset: {_one_of('preprocess')}.", "NAME"),
    Option(
        "mean_values", PREPROCESSING, "Mean to subtract from each channel, 0 to 255.", "[A,B,C]"
    ),
    Option("scale_values", PREPROCESSING, "Divisor for each channel, after the mean.", "[A,B,C]"),
    Option(
        "reverse_input_channels", PREPROCESSING, "The model expects RGB; images are decoded as BGR."
    ),
    Option(
        "resize_type", PREPROCESSING, f"How images are resized: {_one_of('resize_type')}.", "TYPE"
    ),
    Option(
        "input_size",
        PREPROCESSING,
        "Edges of the model's input in pixels, for example 260 or 48x192, where the model leaves "
        "them open.",
        "N|HxW",
    ),
    Option(
        "crop_fraction",
        PREPROCESSING,
        "Share of the resized image that a centre crop keeps, for example 0.875.",
        "F",
    ),
    Option(
        "pad_value",
        PREPROCESSING,
        "Colour of borders, 0 to 255, for example 255 or [114,114,114]. [0]",
        "V",
    ),
    Option(
        "interpolation",
        PREPROCESSING,
        f"Interpolation when resizing: {_one_of('interpolation')}.",
        "HOW",
    ),
    Option(
        "strict_preprocess",
        PREPROCESSING,
        "Refuse a model that does not say how its images are preprocessed, instead of guessing.",
    ),
    Option(
        "decode",
        PREPROCESSING,
        "full, or reduced: JPEGs far larger than the model's input are decoded at 1/2, 1/4 or 1/8, "
        "and in full where the answer is close. Faster; scores and a few answers differ. [full]",
        "HOW",
    ),
    Option("layout", PREPROCESSING, "Layout of the model's input, for example NHWC.", "LAYOUT"),
    # ---- results
    Option(
        "with_facts",
        RESULTS,
        f"More facts in each line: {', '.join(FACTS)}; separate several with commas. {EMBEDDING} "
        "keeps the features of each image beside the results.",
        "FACT,…",
    ),
    Option(
        "features", RESULTS, "Tensor that `--with embedding` keeps. [before the last layer]", "NAME"
    ),
    Option(
        "classes",
        RESULTS,
        "File of the classes that count, one in a line, by label or index; scores are shares of "
        "theirs. [all]",
        "FILE",
    ),
    Option(
        "always", RESULTS, "File of classes whose scores each line has, whatever the rank.", "FILE"
    ),
    Option("output", RESULTS, f"The results file. [{DEFAULT_OUTPUT}]", "FILE", "-o"),
    Option(
        "shard",
        RESULTS,
        "Label one part of the images, for example 2/16; `batchcls merge` joins the results.",
        "I/N",
    ),
    Option("fresh", RESULTS, "Start over; discard an earlier run with this results file."),
    Option("extend", RESULTS, "Add the images that are new since the run was completed."),
    Option("follow", RESULTS, "Label images that come into the directories later, until stopped."),
    Option("retry_failed", RESULTS, "Label the failed images of a complete run again."),
    Option("embeddings", RESULTS, "Features kept of these images, to label them by.", "FILE.npy"),
    Option(
        "mixed_processors",
        RESULTS,
        "Go on with a run whose scores this processor rounds differently.",
    ),
    Option("max_failed", RESULTS, "Failed images allowed before exit code 3. [any number]", "N|P%"),
    Option("number_iter", RESULTS, "Passes over the images, to measure throughput. [1]", "N"),
    Option("perf_counts", RESULTS, "Time each layer; show a table and write perf_counts.csv."),
    # ---- while it runs
    Option(
        "cluster",
        RUNNING,
        "Run workers on other machines: ray, or a command that starts a program on each of them, "
        "for example 'srun --ntasks-per-node=1' or 'ssh node1'; repeatable. [this machine]",
        "HOW",
    ),
    Option("progress", RUNNING, f"Display: {_one_of('progress')}. [auto]", "KIND"),
    Option("timeout", RUNNING, "Seconds one image may take before its worker is killed. [60]", "S"),
    Option(
        "worker_memory",
        RUNNING,
        "Megabytes above which a worker is replaced; an image that needs more fails. "
        "[0: a share of the machine's memory]",
        "MB",
    ),
    Option("report", RUNNING, "Page about the run to write once it is complete. [none]", "FILE"),
    Option(
        "on_end",
        RUNNING,
        "Command to run when the run has ended, however it did; it reads the summary as JSON and "
        "finds the exit code in BATCHCLS_EXIT_CODE. [none]",
        "CMD",
    ),
    Option("log_level", RUNNING, f"Level of the log file: {_one_of('log_level')}. [info]", "LEVEL"),
    Option("debug", RUNNING, "Show the traceback of every error."),
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
