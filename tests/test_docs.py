"""The documents and the job files keep up with the program."""

import re
import subprocess
import tomllib
from dataclasses import fields
from inspect import getdoc
from pathlib import Path

import pytest

import batchcls
from batchcls import errors
from batchcls.backends import allocation
from batchcls.backends.deadlines import LOADING_LIMIT_S
from batchcls.cli import demo, inspect, quantize
from batchcls.cli.job_options import Option
from batchcls.cli.legacy import WORDS
from batchcls.cli.main import COMMANDS, main
from batchcls.cli.options import OPTIONS
from batchcls.coordinator.policy import Policy
from batchcls.decode import header
from batchcls.decode import policy as decoding
from batchcls.decode.decode import decode
from batchcls.images import FAILURE_KINDS, Failure
from batchcls.job import file
from batchcls.job.choices import CHOICES, FACTS
from batchcls.job.job import DEFAULT_OUTPUT, DEFAULT_TOP, Job
from batchcls.model.compile import compiled_files
from batchcls.results import journal, record
from batchcls.results.rundir import RunPaths
from batchcls.running.result import RunResult
from batchcls.version import __version__
from batchcls.worker import micro_batch
from tests.support import doc_tables
from tests.support.golden_files import PLAIN
from tests.support.tree import ROOT

PLACES = ("*.md", "batchcls/**/*.md", "jobs/**/*.md", "tests/**/*.md")
PATHS = sorted(path for place in PLACES for path in ROOT.glob(place))
DOCS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}
README = DOCS["README.md"]
MAP = DOCS["batchcls/README.md"]
RESULTS = DOCS["batchcls/results/README.md"]
JOBS = sorted((ROOT / "jobs").glob("*.toml"))


def row(page: str, cell: str) -> str:
    """The row of a table whose first cell begins like this."""
    found = re.search(rf"^\| {re.escape(cell)}.*$", page, re.MULTILINE)
    assert found is not None, cell
    return found[0]


# ---- the README


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 260
    assert len(README.encode()) <= 16 << 10


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    row(README, f"`batchcls {command}")
    main([command, "--help"])
    prints_json = "--json" in capsys.readouterr().out
    told = re.search(r"^Each has `--help`;(.*?)\.\n\n", README, re.MULTILINE | re.DOTALL)
    assert told is not None
    assert (f"`{command}`" in told[1]) == prints_json


def test_the_readmes_options_are_the_programs() -> None:
    table = README.partition("## Options")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `--([\w-]+)(.*)$", table, re.MULTILINE)
    assert 0 < len(rows) <= 15
    by_name = {option.name: option for option in OPTIONS}
    for name, rest in rows:
        option = by_name.get(name)
        if option is None:
            assert name == "detach"
            continue
        assert not option.short or f"`{option.short}`" in rest
        allowed = CHOICES.get(option.field, FACTS if option.field == "with_facts" else None)
        if allowed:
            assert {*re.findall(r"[`\s]([a-z0-9]+)`", rest)} <= {*allowed}


@pytest.mark.parametrize("kind", sorted(FAILURE_KINDS))
def test_every_kind_of_failure_is_named(kind: str) -> None:
    assert f"`{kind}`" in README
    row(DOCS["batchcls/decode/README.md"], f"`{kind}` |")


def test_every_exit_code_is_in_the_readme() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    codes = {c.exit_code for c in classes if issubclass(c, errors.BatchclsError)}
    for code in {0, 3, 130, 143, 129} | codes:
        row(README, f"{code} |")


def test_the_python_api_is_in_the_readme() -> None:
    for word in batchcls.__all__:
        assert word in README
    for field in fields(RunResult):
        assert f"`{field.name}`" in README


def test_the_readmes_pythons_are_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    told = re.search(r"You need Linux and Python ([^;]*);", README)
    assert told is not None
    assert re.findall(r"3\.\d+", told[1]) == ours


def test_messages_that_the_readme_quotes_are_the_programs_own() -> None:
    table = README.partition("| trouble |")[2].partition("\n\n")[0]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "batchcls").rglob("*.py"))
    quoted = re.findall(r'"([^"]+)"', table)
    assert quoted
    for words in quoted:
        assert words in code


def test_the_readmes_dashboard_has_the_programs_words() -> None:
    shown = README.partition("```text\n")[2].partition("```")[0].splitlines()
    screens = (ROOT / "batchcls" / "display" / "screens").glob("*.py")
    code = "".join(path.read_text(encoding="utf-8") for path in screens)
    heads = [line for line in shown if line.startswith(("worker ", "most frequent "))]
    assert len(heads) == 2
    for words in (*re.split(r" {2,}", "  ".join(heads)), shown[-1]):
        assert f'"{words}"' in code


def test_the_readmes_speed_is_the_suites() -> None:
    table = README.partition("## Speed")[2].partition("\n\nTo go faster")[0]
    suite = DOCS["jobs/performance/README.md"]
    rows = re.findall(
        r"^\| ([\w -]+?)( \(int8\))? \| ([\d.]+) \| ([\d.]+) \| ([\d.]+)x \|$", table, re.MULTILINE
    )
    assert len(rows) == 3
    for model, int8, rate, share, times in rows:
        told = [line for line in suite.splitlines() if line.startswith(f"| {model}{int8}, ")]
        steady, peers = told[:2]
        found = re.search(r"([\d.]+) \([^)]*\); ([\d.]+) images/s of", steady)
        assert found is not None
        assert (float(found[1]), f"{float(found[2]):.3g}") == (float(share), f"{float(rate):.3g}")
        assert f"| {times} (" in peers


# ---- all documents


def test_the_table_of_all_options_is_the_programs() -> None:
    page = doc_tables.OPTIONS_PAGE.read_text(encoding="utf-8")
    assert page == doc_tables.with_options_table(page), doc_tables.__doc__


@pytest.mark.parametrize("word", WORDS)
def test_every_old_spelling_is_in_the_table_of_options(word: str) -> None:
    assert f"`-{word}`" in DOCS["batchcls/job/README.md"]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_defaults_in_the_help_are_the_jobs(option: Option) -> None:
    known, told = doc_tables.default(option), doc_tables.default_in_help(option)
    if known not in ("", "off", "auto"):
        assert told == known


POLICY = Policy()
LIMITS = {
    "README.md": (f"`{DEFAULT_OUTPUT}`", f"draws {demo.DEFAULT_IMAGES} images"),
    "batchcls/README.md": (f"up to {POLICY.chunk}, fewer",),
    "batchcls/decode/README.md": (
        f"{decoding.PILLOW_ERROR_LIMIT:,} pixels",
        f"{decoding.DecodePolicy().max_bytes >> 20} MiB",
        f"{header.MAX_PARTS:,} parts",
        f"below {decoding.HEADROOM} times the size",
        f"less than {decoding.CLOSE} in their logits",
    ),
    "batchcls/job/README.md": (
        f"else {DEFAULT_TOP}.",
        f"one per core up to {allocation.MOST_WORKERS} on CPUs",
        f"{allocation.MICRO_BATCH} in a CPU worker of one core",
        f"as it infers in {micro_batch.MICRO_BATCH_S} s",
        f"after {LOADING_LIMIT_S / 60:.0f} minutes",
        f"after {POLICY.systemic} in a row",
    ),
    "batchcls/model/README.md": (
        f"on {inspect.DEFAULT_IMAGES} of your images",
        f"Up to {quantize.CALIBRATION} of your images",
        f"up to {quantize.HELD_OUT} other images",
        f"up to {compiled_files.LIMIT / 1e9:.0f} GB",
    ),
    "batchcls/results/README.md": (
        f"{journal.EVERY_RECORDS:,} of them, {journal.MOST_PENDING >> 20} MiB",
        f"at most {record.MAX_LINE >> 20} MiB",
        f"fill {POLICY.window >> 20} MiB",
        f"after {LOADING_LIMIT_S / 60:.0f} minutes",
        f"{POLICY.systemic} images in a row",
    ),
}
"""Figures of the code, as the documents tell them."""


@pytest.mark.parametrize(
    ("page", "words"), [(page, words) for page, all_ in LIMITS.items() for words in all_]
)
def test_limits_are_the_codes(page: str, words: str) -> None:
    assert words in " ".join(DOCS[page].split())


def test_every_file_of_a_run_is_described() -> None:
    tree = RESULTS.partition("```\n")[2].partition("```")[0]
    paths = RunPaths.of("results.jsonl")
    for name in vars(RunPaths):
        path = getattr(paths, name) if not name.startswith("_") else None
        if isinstance(path, Path):
            assert re.search(rf"^\s*{re.escape(path.name)}/?\s", tree, re.MULTILINE), path.name


def test_every_key_of_a_line_is_described() -> None:
    for key in ("i", "path", "path_b64", "top", "error", "always", *FACTS):
        assert re.search(rf"^\| (`\w+`, )*`{key}`", RESULTS, re.MULTILINE), key


@pytest.mark.parametrize("page", ["README.md", "batchcls/results/README.md"])
def test_lines_that_are_shown_are_lines(page: str) -> None:
    shown = re.findall(r"^\{\"i\":.*$", DOCS[page], re.MULTILINE)
    assert shown
    for line in shown:
        record.parse(line.encode())


def test_the_failed_line_that_is_shown_is_what_happens() -> None:
    jpeg = PLAIN["jpeg"].data
    with pytest.raises(errors.ImageError) as failure:
        decode(jpeg[: len(jpeg) - 20])
    for page in ("README.md", "batchcls/results/README.md"):
        shown = re.findall(r"^\{\"i\":.*\"error\".*$", DOCS[page], re.MULTILINE)
        assert [record.parse(line.encode()).failure for line in shown] == [
            None,
            Failure(failure.value.kind, failure.value.message),
        ]


def test_the_picture_of_the_code_has_every_folder() -> None:
    picture = MAP.partition("```\n")[2].partition("```")[0]
    folders = {path.parent.name for path in (ROOT / "batchcls").glob("*/__init__.py")}
    assert folders <= {*re.findall(r"\w+", picture)}


@pytest.mark.parametrize("page", DOCS)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", DOCS[page]):
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", DOCS)
def test_modules_that_are_named_are_there(page: str) -> None:
    folder = (ROOT / page).parent
    for name in re.findall(r"`([\w/]+\.py)`|(jobs/[\w/]+\.\w+)", DOCS[page]):
        assert any((place / "".join(name)).is_file() for place in (folder, ROOT)), name


@pytest.mark.parametrize("page", DOCS)
def test_documents_name_no_place_of_ours(page: str) -> None:
    assert "../shared" not in DOCS[page]


@pytest.mark.parametrize("page", DOCS)
def test_job_files_that_are_shown_are_jobs(page: str) -> None:
    for block in re.findall(r"```toml\n(.*?)```", DOCS[page], re.DOTALL):
        tomllib.loads(block)
        file.merge(file.parse(block), {})


# ---- job files, recipes, changes


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_every_job_file_is_a_job(path: Path) -> None:
    job = file.merge(file.load(path), {})
    assert job.sources
    assert f"jobs/{path.name}" in README


def test_recipes_are_valid_and_in_the_readme() -> None:
    for recipe in ("slurm.sh", "batchcls.service", "slurm-array.sh", "indexed-job.yaml", "tell.py"):
        assert f"jobs/{recipe}" in README
    for recipe in ("slurm.sh", "slurm-array.sh"):
        subprocess.run(["bash", "-n", str(ROOT / "jobs" / recipe)], check=True)
    unit = (ROOT / "jobs" / "batchcls.service").read_text()
    assert {"[Unit]", "[Service]", "[Install]"} <= {*unit.splitlines()}


def test_the_changelog_begins_with_this_version() -> None:
    assert re.findall(r"^## (\S+)", DOCS["CHANGELOG.md"], re.MULTILINE)[0] == __version__


def test_a_job_has_no_field_without_a_line_of_documentation() -> None:
    # Python 3.13 strips the indentation of docstrings; getdoc does so everywhere.
    documented = re.findall(r"^    (\w+):", getdoc(Job) or "", re.MULTILINE)
    assert documented == [field.name for field in fields(Job)]
