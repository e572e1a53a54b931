"""The old spellings, rewritten: a table, what must never be touched, and a real old line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcls.cli.legacy import WORDS, rewrite
from batchcls.cli.main import COMMANDS
from batchcls.cli.run import option_names

pytestmark = pytest.mark.runs

OPTIONS = option_names()


def rewritten(line: str, *, there: str = "") -> str:
    return " ".join(rewrite(line.split(), COMMANDS, OPTIONS, lambda path: path == there))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        # the old sample's documented lines
        ("-i a.jpg b.jpg -m model.xml", "run --input a.jpg --input b.jpg -m model.xml"),
        ("-m m.xml -i a.bmp -d HETERO:GPU,CPU", "run -m m.xml --input a.bmp -d HETERO:GPU,CPU"),
        ("-i a -nt 5 -ni 10 -pc", "run --input a --top 5 --number-iter 10 --perf-counts"),
        ("-i a -l lib.so -pp dir -nireq 4", "run --input a -l lib.so --plugins dir --nireq 4"),
        (
            "--input a b --number_top 5 --cpu_extension l.so --plugin_dir p --perf_counts",
            "run --input a --input b --top 5 --extension l.so --plugins p --perf-counts",
        ),
        (
            "--number_iter 10 --number_infer_requests 4 --labels l.txt",
            "run --number-iter 10 --nireq 4 --labels l.txt",
        ),
        ("run -i a -nt=5", "run --input a --top=5"),
        ("run -i=a b", "run --input=a b"),
        # benchmark_app's
        (
            "run x -hint throughput -nstreams 2 -nthreads 4 -infer_precision f32 -cdir c",
            "run x --hint throughput --nstreams 2 --nthreads 4 --infer-precision f32 --cache-dir c",
        ),
        ("run --mean_values [1,2,3] -scale_values=2", "run --mean-values [1,2,3] --scale-values=2"),
        ("run -load_config c.json -layout NCHW", "run --load-config c.json --layout NCHW"),
        # where `run` is put in, and where not
        ("", "run"),
        ("./images", "run ./images"),
        ("images/", "run images/"),
        ("@list.txt", "run @list.txt"),
        ("- -0", "run - -0"),
        ("night.toml", "run night.toml"),
        ("--model m.xml", "run --model m.xml"),
        ("run run", "run run"),
        ("imges", "imges"),
        ("--help", "--help"),
        ("-h", "-h"),
        ("--version", "--version"),
        ("status r.jsonl", "status r.jsonl"),
        ("verify -nt 5", "verify -nt 5"),
        # what belongs to nobody stays
        ("run -i - -d CPU", "run --input - -d CPU"),
        ("run -i a -- -i b -nt", "run --input a -- -i b -nt"),
        ("run -i", "run --input"),
        ("run -i -m x", "run --input -m x"),
        ("run --no_fresh --nonsense -zz -b4 -0", "run --no-fresh --nonsense -zz -b4 -0"),
        ("run - -- -", "run - -- -"),
    ],
)  # fmt: skip
def test_spellings(typed: str, meant: str) -> None:
    assert rewritten(typed) == meant


def test_an_existing_path_means_run_unless_it_is_a_command() -> None:
    assert rewritten("photos", there="photos") == "run photos"
    assert rewritten("status", there="status") == "status"


def test_every_word_means_an_option_there_is() -> None:
    assert set(WORDS.values()) <= set(OPTIONS)


@given(st.lists(st.text(max_size=6), max_size=6))
def test_what_comes_after_two_dashes_is_never_touched(words: list[str]) -> None:
    assert rewrite(["run", "--", *words], COMMANDS, OPTIONS) == ["run", "--", *words]


@given(
    st.lists(st.sampled_from(["-i", "-nt", "-pc", "a", "-", "-m", "--input=x", "5"]), max_size=8)
)
def test_rewriting_twice_changes_nothing_more(words: list[str]) -> None:
    once = rewrite(["run", *words], COMMANDS, OPTIONS)
    assert rewrite(once, COMMANDS, OPTIONS) == once


@given(st.lists(st.sampled_from(["-i", "-nt", "a", "b", "-", "-m", "-d"]), max_size=8))
def test_no_source_is_lost_or_doubled(words: list[str]) -> None:
    values = [word for word in words if word in ("a", "b", "-")]
    kept = [word for word in rewrite(["run", *words], COMMANDS, OPTIONS) if word in ("a", "b", "-")]
    assert kept == values


@pytest.mark.runs
@pytest.mark.real
def test_the_old_samples_command_line(tmp_path: Path, real_data: Path) -> None:
    models = real_data / "models"
    photos = sorted((real_data / "photos").iterdir())[:2]
    words = [
        "-i", *map(str, photos), "-m", str(models / "tf2_mobilenet_v2_1.0_224_ptq.tflite"),
        "-d", "CPU", "-nt", "5", "-ni", "3", "-pc", "-nireq", "4",
        "--labels", str(models / "imagenet_labels.txt"),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "batchcls", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [record["path"] for record in records] == [str(photo) for photo in photos]
    assert [len(record["top"]) for record in records] == [5, 5]
    assert (tmp_path / "results.jsonl.job" / "perf_counts.csv").stat().st_size
    assert "FPS" in done.stdout
