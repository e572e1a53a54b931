"""``batchcls similar``: the images whose features are most like those of one."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from batchcls.cli.arguments import AsJson, Debug, check_at_least
from batchcls.cli.terminal import print_json, print_result
from batchcls.errors import RefusedError, UsageError
from batchcls.job.job import Job
from batchcls.results import manifest as manifests
from batchcls.results.manifest import FEATURES, Manifest
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import PosixStorage

Query = Annotated[
    str, typer.Argument(metavar="IMAGE|ROW", help="An image, or the number of a row, from 0.")
]
In = Annotated[
    str, typer.Option("--in", metavar="FILE.npy", help="Features, as `batchcls embed` keeps them.")
]
Results = Annotated[
    str | None,
    typer.Option(metavar="RESULTS", help="Results file of the same run. [beside FILE.npy]"),
]
Top = Annotated[int, typer.Option("-n", "--top", metavar="N", help="Images to show.")]


def similar(
    query: Query,
    file: In,
    results: Results = None,
    top: Top = 10,
    as_json: AsJson = False,
    debug: Debug = False,
) -> int:
    """Find the images most like one.

    Exact: the features of all images are compared with those of this one (cosine). An image that
    is not in the results is put through the same model first.
    """
    check_at_least("--top", top, 1)
    from batchcls.model.similar import rows_of
    from batchcls.model.similar import similar as most_like
    from batchcls.report.rows import Results as ResultsFile

    rows = rows_of(Path(file))
    lines = ResultsFile.find(results or str(Path(file).with_suffix(".jsonl")))
    row = _row(query, lines.rows(), lines.path)
    if row is None:
        found = most_like(rows, _features(query, lines.path), top)
    elif row >= len(rows):
        raise UsageError(f"{query}: {file} has rows 0 to {len(rows) - 1:,}")
    elif not rows[row].any() or rows[row][0] != rows[row][0]:
        raise RefusedError(f"{query}: row {row} of {file} holds no features; the image failed")
    else:
        found = most_like(rows, rows[row], top, without=row)
    wanted = {row for row, _ in found}
    names = {
        one.record.index: one.record.path for one in lines.rows() if one.record.index in wanted
    }
    shown: list[dict[str, Any]] = [
        {"i": row, "path": names.get(row, ""), "score": round(score, 6)} for row, score in found
    ]
    if as_json:
        print_json(shown)
    elif shown:
        from batchcls.display.table import aligned

        cells = [(f"{one['score']:.4f}", str(one["i"]), one["path"]) for one in shown]
        print_result(aligned(cells, right=(0, 1)))
    return 0


def _row(query: str, lines: Iterable[Any], results: Path) -> int | None:
    """The row that is meant; None where it is an image that the results do not have.

    Raises:
        UsageError: there is no such image.
    """
    if query.isdecimal() and not Path(query).exists():
        return int(query)
    from batchcls.report import reading

    root, there, name = Path(reading.root_of(results)), Path(query).resolve(), Path(query).name
    for line in lines:
        path = line.record.path
        alike = Path(path).name == name and (root / path).resolve() == there
        if path == query or alike:
            return int(line.record.index)
    if not Path(query).is_file():
        raise UsageError(f"{query}: no such image, neither in {results} nor as a file")
    return None


def _features(image: str, results: Path) -> Any:
    """The features of an image that was not in the run, by the model and options of the run.

    Raises:
        BatchclsError: the run is not known, its model has changed, or the image fails.
    """
    from batchcls.model.similar import rows_of
    from batchcls.running.run import run

    before = _manifest(RunPaths.of(results))
    job = Job.from_dict(before.settings["job"])
    with tempfile.TemporaryDirectory(prefix="batchcls-similar-") as folder:
        one = replace(
            job, sources=(str(Path(image).absolute()),), output=f"{folder}/one.jsonl",
            workers=1, progress="none", shard=None, fresh=False, extend=False, retry_failed=False,
            report=None, on_end=None, number_iter=1, null_separated=False,
        )  # fmt: skip
        done = run(one)
        paths = RunPaths.of(one.output)
        if done.failed:
            kind = ", ".join(done.failed_by_kind)
            raise RefusedError(f"{image}: the image failed ({kind})")
        now = _manifest(paths)
        if other := manifests.difference(before.fingerprint, now.fingerprint):
            keys = ", ".join(entry.key for entry in other)
            raise RefusedError(
                f"{results} was made with another model or other options ({keys}); embed the "
                "images again with `--fresh`"
            )
        return rows_of(paths.embeddings)[0].copy()


def _manifest(paths: RunPaths) -> Manifest:
    found = manifests.load(PosixStorage(), paths.manifest)
    if found is None or FEATURES not in found.fingerprint:
        raise RefusedError(
            f"{paths.directory} does not say which model made the features; name an image of the "
            "results, or a row"
        )
    return found
