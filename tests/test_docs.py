"""The README and the job files keep up with the program."""

import inspect
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import batchcls
from batchcls import errors
from batchcls.cli.commands import names
from batchcls.cli.legacy import WORDS
from batchcls.cli.options import OPTIONS
from batchcls.images import FAILURE_KINDS
from batchcls.job import file
from batchcls.job.job import CHOICES, Job
from batchcls.running.run import RunResult
from batchcls.version import __version__

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
JOBS = sorted((ROOT / "jobs").glob("*.toml"))


@pytest.mark.parametrize("command", names())
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`batchcls {command}" in README


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_in_the_readmes_table(option: "batchcls.cli.options.Option") -> None:
    row = re.search(rf"^\| `--{option.name}[ `].*$", README, re.MULTILINE)
    assert row is not None
    if option.short:
        assert f"`{option.short}`" in row[0]
    for value in CHOICES.get(option.field, ()):
        assert f"`{value}`" in row[0]


@pytest.mark.parametrize("word", WORDS)
def test_every_old_spelling_is_in_the_readme(word: str) -> None:
    assert f"`-{word}`" in README or f"`--{word}`" in README


@pytest.mark.parametrize("kind", sorted(FAILURE_KINDS))
def test_every_kind_of_failure_is_in_the_readme(kind: str) -> None:
    assert f"| `{kind}` |" in README


def test_every_exit_code_is_in_the_readme() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    codes = {c.exit_code for c in classes if issubclass(c, errors.BatchclsError)}
    for code in {0, 3, 130, 143, 129} | codes:
        assert re.search(rf"^\| {code}\b", README, re.MULTILINE), code


def test_the_python_api_is_in_the_readme() -> None:
    for word in batchcls.__all__:
        assert word in README
    for field in fields(RunResult):
        assert f"`{field.name}`" in README


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_every_job_file_is_a_job(path: Path) -> None:
    job = file.merge(file.load(path), {})
    assert job.sources
    assert f"jobs/{path.name}" in README


def test_the_readmes_job_file_is_a_job() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        tomllib.loads(block)
        file.merge(file.parse(block), {})


def test_recipes_are_valid_and_told() -> None:
    for recipe in ("slurm.sh", "batchcls.service"):
        assert f"jobs/{recipe}" in README
    subprocess.run(["bash", "-n", str(ROOT / "jobs" / "slurm.sh")], check=True)
    unit = (ROOT / "jobs" / "batchcls.service").read_text()
    assert {"[Unit]", "[Service]", "[Install]"} <= {*unit.splitlines()}


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == __version__


def test_a_job_has_no_field_without_a_line_of_documentation() -> None:
    # Python 3.13 strips the indentation of docstrings; getdoc does so everywhere.
    documented = re.findall(r"^    (\w+):", inspect.getdoc(Job) or "", re.MULTILINE)
    assert documented == [field.name for field in fields(Job)]


def test_links_inside_the_readme_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}
    for anchor in re.findall(r"\]\(#([^)]+)\)", README):
        assert anchor in anchors
    for path in re.findall(r"\]\(((?!#|https?:)[^)]+)\)", README):
        assert (ROOT / path).exists()
