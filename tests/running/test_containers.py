"""The same pictures in a folder and in containers: the same lines but for their paths."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.errors import StoppedError
from batchcls.job.job import Job
from batchcls.results.storage import PosixStorage
from batchcls.results.verify import verify
from batchcls.running.run import run
from tests.support.archives import pack

pytestmark = pytest.mark.runs


def held(folder: Path) -> dict[str, bytes]:
    """A folder's files as a container has them, in the order in which a folder is listed."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return dict(sorted(files.items(), key=lambda item: item[0].encode()))


@pytest.mark.parametrize("ending", [".tar", ".zip", ".cbz"])
def test_a_folder_and_a_container_give_the_same_lines(
    job: Job, images: Path, tmp_path: Path, ending: str
) -> None:
    for name in ("pipe.jpg", "dangling.png"):  # no container has the like
        (images / "bad" / name).unlink()
    run(job)
    expected = Path(job.output).read_bytes()
    shards = tmp_path / "shards"
    shards.mkdir()
    pack(shards / f"0{ending}", held(images))
    packed = replace(job, sources=(str(shards),), output=str(tmp_path / "packed.jsonl"))
    run(packed)
    lines = Path(packed.output).read_bytes()
    assert lines.replace(b'"path":"0%s//' % ending.encode(), b'"path":"') == expected
    assert verify(Path(packed.output), PosixStorage()).complete
    assert run(replace(packed, extend=True)).images == expected.count(b"\n")


def test_a_table_gives_the_same_lines_under_numbers(job: Job, images: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    for name in ("pipe.jpg", "dangling.png"):
        (images / "bad" / name).unlink()
    run(job)
    table, rows = tmp_path / "t.parquet", list(held(images).values())
    parquet.write_table(pyarrow.table({"image": rows}), table, row_group_size=20)
    packed = replace(job, sources=(str(table),), output=str(tmp_path / "packed.jsonl"))
    run(packed)
    expected, lines = (
        [json.loads(line) | {"path": ""} for line in Path(output).read_text().splitlines()]
        for output in (job.output, packed.output)
    )
    assert lines == expected


def test_another_archive_of_that_name_stops_the_run_and_its_lines_are_not_kept(
    job: Job, tmp_path: Path
) -> None:
    shard = tmp_path / "0.tar"
    pack(shard, {f"{n}.png": b"\x89PNG\r\n\x1a\n" for n in range(300)})
    first, written = shard.read_bytes(), shard.stat().st_mtime_ns
    packed = replace(job, sources=(str(shard),))
    assert run(packed).failed == 300
    whole = Path(job.output).read_bytes()
    pack(shard, {f"{n}.png": b"\x89PNG\r\n" for n in range(301)})
    with pytest.raises(StoppedError, match=r"images all failed \(changed\)"):
        run(replace(packed, retry_failed=True))
    shard.write_bytes(first)
    os.utime(shard, ns=(written, written))
    run(replace(packed, retry_failed=True))
    assert Path(job.output).read_bytes() == whole
