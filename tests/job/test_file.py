"""Job files: types, names, messages, and that the flags win."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from batchcls.errors import UsageError
from batchcls.job import file
from batchcls.job.job import Job

OVERNIGHT = """
sources = ["/photos", "@more.txt"]
device = "HETERO:GPU,CPU"
batch-size = 4
nstreams = 2
timeout = 90
max_failed = "2%"
mean_values = [123.675, 116.28, 103.53]
scale_values = 255
reverse_input_channels = true
"""


def test_values_take_the_types_of_the_job() -> None:
    job = file.merge(file.parse(OVERNIGHT), {})
    assert job == Job(
        sources=("/photos", "@more.txt"),
        device=("HETERO:GPU,CPU",),
        batch_size=4,
        nstreams="2",
        timeout=90.0,
        max_failed="2%",
        mean_values="[123.675,116.28,103.53]",
        scale_values="255",
        reverse_input_channels=True,
    )


def test_flags_win_over_the_file() -> None:
    flags: dict[str, Any] = {"device": ("CPU",), "reverse_input_channels": False, "top": 3}
    job = file.merge(file.parse(OVERNIGHT), flags)
    assert (job.device, job.reverse_input_channels, job.top) == (("CPU",), False, 3)
    assert job.batch_size == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 'two'", 'j.toml: workers = "two": must be a whole number'),
        ("workers = 1.5", "j.toml: workers = 1.5: must be a whole number"),
        ("workers = true", "j.toml: workers = true: must be a whole number"),
        ("fresh = 1", "j.toml: fresh = 1: must be true or false"),
        ("timeout = 'long'", 'j.toml: timeout = "long": must be a number'),
        ("model = 3", "j.toml: model = 3: must be text in quotes"),
        ("sources = [1]", "j.toml: sources = 1: must be text in quotes"),
        ("mean_values = [true]", "j.toml: mean_values = true: must be text in quotes"),
        ("model = 2024-01-01", 'j.toml: model = "2024-01-01": must be text in quotes'),
        ("devices = 'CPU'", "j.toml: devices is not an option; did you mean device?"),
        ("zzzz = 1", "j.toml: zzzz is not an option"),
        ("[job]\nmodel = 'x'", "j.toml: job is not an option"),
        ("batch-size = 1\nbatch_size = 2", "j.toml: batch_size is set twice"),
        ("input = 'a'\nsources = 'b'", "j.toml: sources is set twice"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        file.parse(text, "j.toml")
    assert str(caught.value) == message


def test_broken_toml_says_where() -> None:
    with pytest.raises(UsageError, match=r"j\.toml: not a TOML file: .*line 2"):
        file.parse("top = 3\nmodel = x\n", "j.toml")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"night\.toml: No such file"):
        file.load(tmp_path / "night.toml")
    (tmp_path / "latin.toml").write_bytes(b"model = '\xe9'")
    with pytest.raises(UsageError, match=r"latin\.toml: not UTF-8 text \(byte 9\)"):
        file.load(tmp_path / "latin.toml")


def test_a_leading_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    options = file.parse("sources = ['~/a', '@~/l', 'b~']\nmodel = '~/m.xml'\nnames = '~*'")
    assert options == {
        "sources": ("/home/ann/a", "@/home/ann/l", "b~"),
        "model": "/home/ann/m.xml",
        "names": ("~*",),
    }


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="~", exclude_categories=["Cs"]))
_VALUES = {
    str: _TEXT,
    int: st.integers(-(2**31), 2**31),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def _strategy(kind: Any) -> st.SearchStrategy[Any]:
    args = getattr(kind, "__args__", (kind,))
    return st.lists(_TEXT) if Ellipsis in args else _VALUES[args[0]]


@pytest.mark.runs
@given(st.fixed_dictionaries({}, optional={f.name: _strategy(f.type) for f in fields(Job)}))
def test_every_job_goes_through_a_file_unchanged(options: dict[str, Any]) -> None:
    read = file.parse(tomli_w.dumps(options))
    assert Job.from_dict(read) == Job.from_dict(options)
