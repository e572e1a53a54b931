"""The commands, as typer sees them: arguments and help, each returning the `Action` it asks for."""

import copy
import sys
from typing import Annotated, Any

import typer

from batchcls.cli import bench_commands
from batchcls.cli import run_command as running
from batchcls.cli.action import Action
from batchcls.cli.help import Sectioned
from batchcls.cli.model_commands import devices_command, export_command, inspect_command
from batchcls.cli.options import IMAGES, MODEL, OPTIONS, PICTURE, RESULTS, RUNNING, SPEED
from batchcls.cli.signature import argument, given, option, with_options
from batchcls.job.job import DEFAULT_OUTPUT
from batchcls.version import __version__

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_SOURCES = "Directories, image files, @list.txt, - for a list on standard input; or a job file."
_JOB_FILE = "TOML job file with these options; the command line wins over it."
_DETACH = "Go on without this terminal, once nothing is wrong with the job."
USAGE = {
    "run": "SOURCE... [OPTIONS]",
    "demo": "[FOLDER] [OPTIONS]",
    "inspect": "[MODEL] [--probe DIR] [OPTIONS]",
    "export-model": "MODEL OUT.xml [OPTIONS]",
    "status": "[RESULTS]",
    "watch": "[RESULTS]",
    "verify": "[RESULTS] [OPTIONS]",
    "evaluate": "[RESULTS] [--truth FILE] [OPTIONS]",
    "bench": "MODEL [SOURCE...] [OPTIONS]",
    "tune": "MODEL SOURCE... [OPTIONS]",
    "quantize": "MODEL SOURCE... --output OUT.xml [OPTIONS]",
}
"""The forms of the commands, for messages."""

app = typer.Typer(
    name="batchcls",
    help="Label a directory of images overnight: one line per image, whatever happens.",
    epilog="`batchcls IMAGES` is short for `batchcls run IMAGES`.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=_CONTEXT,
)

Results = Annotated[str, typer.Argument(metavar="RESULTS", help="The results file of the run.")]
Debug = Annotated[bool, typer.Option("--debug", help="Tracebacks for everything.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
_QUANTISATION = (
    option("truth", str, "--truth", show="FILE", section=RESULTS,
           text="What images show, as for `evaluate`; default: their folders' names."),
    option("calibration", int, "--calibration", show="N", section=IMAGES,
           text="Images to calibrate on, at most. [300]"),
    option("held_out", int, "--held-out", show="N", section=IMAGES,
           text="Other images to compare on, at most. [300]"),
    option("max_drop", float, "--max-drop", show="X", section=RESULTS,
           text="Lose at most this share of the right answers; slow layers stay as they are."),
    option("yes", bool, "--yes", "-y", show="", section=RESULTS,
           text="Keep it even if it agrees with the original on less than 99 %."),
)  # fmt: skip
_JSON = option("json", bool, "--json", show="", text="For machines.", section=RESULTS)


def names() -> list[str]:
    """The commands there are."""
    return [str(info.name) for info in app.registered_commands]


def program(command: str) -> typer.Typer:
    """The program; with this command alone, if it is one: typer takes 2 ms for each."""
    if command not in names():
        return app
    part = copy.copy(app)
    part.registered_commands = [c for c in app.registered_commands if c.name == command]
    return part


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"batchcls {__version__}\n")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command("run", cls=Sectioned, context_settings=_CONTEXT)
@with_options(
    argument("sources", list[str], show="SOURCE", text=_SOURCES),
    option(
        "input", list[str], "-i", "--input", show="SOURCE...", text="More sources.", section=IMAGES
    ),
    option("job", str, "--job", show="FILE", text=_JOB_FILE, section=IMAGES),
    option("detach", bool, "--detach", show="", text=_DETACH, section=RUNNING),
    options=OPTIONS,
)
def run_command(context: typer.Context, **_: Any) -> Action:
    """Label images: every image gets one line of the results file, in order.

    Started again after whatever stopped it, the same command goes on where it was. The spellings
    of OpenVINO's classification sample and benchmark_app work too: -nt, -ni, -pc, -pp, -nireq, …
    """
    options = given(context)
    detached = options.pop("detach", False)
    job = running.job_of(options)
    if detached:
        from batchcls.cli.detach import detach

        return Action(lambda: detach(job), job.debug)
    return Action(lambda: running.do(job), job.debug)


@app.command("demo", cls=Sectioned, context_settings=_CONTEXT)
@with_options(
    argument("folder", str, show="FOLDER", text="Where; default: a new temporary folder."),
    option("images", int, "--images", "-n", show="N", text="How many. [300]", section=IMAGES),
    options=[o for o in OPTIONS if o.section == SPEED or o.field in ("progress", "debug")],
)
def demo_command(context: typer.Context, **_: Any) -> Action:
    """Try it out: draw images with and without defects, and sort them with the built-in model."""

    def do() -> int:
        from batchcls.cli.demo import demo

        options = given(context)
        return demo(options.pop("folder", None), options.pop("images", None), options)

    return Action(do, bool(context.params["debug"]))


app.command("devices", cls=Sectioned, context_settings=_CONTEXT)(devices_command)
app.command("inspect", cls=Sectioned, context_settings=_CONTEXT)(inspect_command)
app.command("export-model", cls=Sectioned, context_settings=_CONTEXT)(export_command)


@app.command("quantize", cls=Sectioned, context_settings=_CONTEXT)
@with_options(
    argument("file", str, show="MODEL", text="The model, in floating point."),
    argument("sources", list[str], show="SOURCE", text="Images like those to come; see `run`."),
    option("out", str, "-o", "--output", show="OUT.xml", text="The IR to write.", section=RESULTS),
    *_QUANTISATION,
    _JSON,
    options=[
        o
        for o in OPTIONS
        if (o.section in (MODEL, PICTURE) and o.field not in ("model", "top", "decode"))
        or o.field in ("names", "follow_links", "device", "debug")
    ],
)
def quantize_command(context: typer.Context, **_: Any) -> Action:
    """Make an INT8 model, calibrated on your images, and say whether it is as good.

    Needs NNCF: pip install 'nncf>=3.2'.
    """
    options = given(context)

    def do() -> int:
        from batchcls.cli.quantize import quantize

        return quantize(options)

    return Action(do, options.get("debug", False))


@app.command("status", context_settings=_CONTEXT)
def status_command(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> Action:
    """Say how far a run is: running, stopped or complete."""

    def do() -> int:
        from batchcls.display.summary.watch import status

        return status(results, sys.stdout)

    return Action(do, debug)


@app.command("watch", context_settings=_CONTEXT)
def watch_command(results: Results = DEFAULT_OUTPUT, debug: Debug = False) -> Action:
    """Show the dashboard of a run that another terminal started."""

    def do() -> int:
        from batchcls.display.summary.watch import watch

        return watch(results, sys.stdout)

    return Action(do, debug)


@app.command("verify", context_settings=_CONTEXT)
def verify_command(
    results: Results = DEFAULT_OUTPUT, as_json: AsJson = False, debug: Debug = False
) -> Action:
    """Check results: every image's line there once, in order, whole."""

    def do() -> int:
        from batchcls.cli.verify import verify

        return verify(results, as_json=as_json)

    return Action(do, debug)


@app.command("evaluate", context_settings=_CONTEXT)
def evaluate_command(
    results: Results = DEFAULT_OUTPUT,
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="CSV: file,index,label or file,label. Default: the name of an image's folder.",
        ),
    ] = None,
    offset: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Result index minus truth index; default: found out by comparing labels.",
        ),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Action:
    """Say how right results are: top-1, top-5, by class, confusions, calibration."""

    def do() -> int:
        from batchcls.cli.evaluate import evaluate

        return evaluate(results, truth, offset, as_json=as_json)

    return Action(do, debug)


bench_commands.add(app)
