"""The same pictures in a folder and in a bucket: the same lines but for their paths."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.job.job import Job
from batchcls.report.siblings import SiblingTruths
from batchcls.report.truth import Truth
from batchcls.results.storage import PosixStorage
from batchcls.results.verify import verify
from batchcls.running.run import run
from tests.support.archives import MAKE
from tests.support.bucket import BUCKET, KEY, SECRET, Bucket

pytestmark = pytest.mark.runs
TOP = f"s3://{BUCKET}"


def held(folder: Path) -> dict[str, bytes]:
    """A folder's files in the order in which it is listed."""
    for name in ("pipe.jpg", "dangling.png"):  # no store has the like
        (folder / "bad" / name).unlink(missing_ok=True)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return dict(sorted(files.items(), key=lambda item: item[0].encode()))


def test_a_folder_a_bucket_and_a_container_in_a_bucket_give_the_same_lines(
    job: Job, images: Path, tmp_path: Path, bucket: Bucket
) -> None:
    files = held(images)
    run(job)
    expected = Path(job.output).read_bytes()
    for name, content in files.items():
        bucket.put(f"top/{name}", content)
    for ending in (".tar", ".zip"):
        bucket.put(f"shards/0{ending}", MAKE[ending](files))
    for word in ("top", "shards/0.tar", "shards/0.zip"):
        output = tmp_path / f"{word.replace('/', '-')}.jsonl"
        stored = replace(job, sources=(f"{TOP}/{word}",), output=str(output))
        run(stored)
        between = "/" if word == "top" else "//"
        begins = f'"path":"{TOP}/{word}{between}'.encode()
        assert output.read_bytes().replace(begins, b'"path":"') == expected
        assert verify(output, PosixStorage()).complete
        bucket.asked.clear()
        assert run(stored).images == expected.count(b"\n")
        assert bucket.asked == [], "what is complete asks for nothing"
        assert run(replace(stored, extend=True)).images == expected.count(b"\n")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content
            assert SECRET.encode() not in content


def test_the_truth_beside_images_of_a_bucket_counts(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("shards/0.tar", MAKE[".tar"]({"0.jpg": b"", "0.cls": b"7"}))
    truth = SiblingTruths(str(tmp_path)).of(f"{TOP}/shards/0.tar//0.jpg")
    assert truth == Truth(7, None)


def test_a_table_in_a_bucket_gives_the_same_lines_under_numbers(
    job: Job, images: Path, tmp_path: Path, bucket: Bucket
) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    files = held(images)
    run(job)
    table, buffer = pyarrow.table({"image": list(files.values())}), io.BytesIO()
    parquet.write_table(table, buffer, row_group_size=20)
    bucket.put("t.parquet", buffer.getvalue())
    stored = replace(job, sources=(f"{TOP}/t.parquet",), output=str(tmp_path / "stored.jsonl"))
    run(stored)
    expected, lines = (
        [json.loads(line) | {"path": ""} for line in Path(output).read_text().splitlines()]
        for output in (job.output, stored.output)
    )
    assert lines == expected


def batchcls(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "batchcls", *words],
        cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def test_a_signal_ends_the_wait_for_a_store_that_hangs(tmp_path: Path, bucket: Bucket) -> None:
    free, asked = threading.Event(), threading.Event()

    def hang(method: str, path: str) -> None:
        asked.set()
        free.wait(60)

    bucket.trouble = hang
    process = batchcls("run", f"{TOP}/", cwd=tmp_path)
    try:
        assert asked.wait(60)
        time.sleep(0.2)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        assert time.monotonic() - began < 8
        assert process.returncode == -signal.SIGINT
    finally:
        free.set()
        process.kill()


def test_what_is_wrong_is_said_in_words(tmp_path: Path, bucket: Bucket) -> None:
    bucket.trouble = lambda method, path: (403, "<Code>InvalidAccessKeyId</Code>")
    process = batchcls("run", f"{TOP}/summer", cwd=tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.splitlines()[-1] == (
        f"batchcls: error: cannot list {TOP}/summer: the store refuses it (403 "
        "InvalidAccessKeyId); set the store's usual variables (AWS_ACCESS_KEY_ID, AWS_PROFILE, "
        "AWS_ENDPOINT_URL, …), or AWS_SKIP_SIGNATURE=true for a public bucket"
    )
