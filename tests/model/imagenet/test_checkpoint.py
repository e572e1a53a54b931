"""Checkpoints are read without torch; what names anything else is refused before it is called."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from batchcls.errors import ModelError
from batchcls.model.imagenet import build, checkpoint
from tests.support import checkpoints
from tests.support.checkpoints import called, plain, tensor

SIX = np.arange(6, dtype=np.float32)
COUNT = np.array(7, np.int64)
SOUND = checkpoints.checkpoint(
    {"a": tensor("1", SIX.reshape(2, 3)), "n": tensor("2", COUNT)}, {"1": SIX, "2": COUNT}
)


def test_tensors_are_read_by_name() -> None:
    found = checkpoint.read(SOUND, "x.pth")
    assert list(found) == ["a", "n"]
    np.testing.assert_array_equal(found["a"], SIX.reshape(2, 3), strict=True)
    np.testing.assert_array_equal(found["n"], COUNT, strict=True)


def test_a_tensor_that_lies_otherwise_than_its_storage_is_read_by_its_strides() -> None:
    turned = tensor("1", SIX, shape=(3, 2), strides=(1, 3))
    part = tensor("1", SIX, shape=(2,), strides=(2,), offset=1)
    found = checkpoint.read(checkpoints.checkpoint({"t": turned, "p": part}, {"1": SIX}), "x.pth")
    np.testing.assert_array_equal(found["t"], SIX.reshape(2, 3).T)
    np.testing.assert_array_equal(found["p"], [1, 3])
    assert found["t"].flags.c_contiguous


@pytest.mark.parametrize(
    "other",
    [
        {"shape": (7,), "strides": (1,)},
        {"shape": (2, 3), "strides": (3, 2)},
        {"shape": (2,), "strides": (1,), "offset": 5},
        {"shape": (2,), "strides": (1,), "offset": -1},
        {"shape": (2,), "strides": (-1,), "offset": 1},
        {"shape": (1 << 40,), "strides": (0,)},
        {"shape": (6,), "strides": (1, 1)},
    ],
)
def test_a_tensor_outside_its_storage_is_refused(other: dict[str, tuple[int, ...]]) -> None:
    data = checkpoints.checkpoint({"a": tensor("1", SIX, **other)}, {"1": SIX})  # type: ignore[arg-type]  # hostile
    with pytest.raises(ModelError, match="not a checkpoint that can be read safely"):
        checkpoint.read(data, "x.pth")


def test_a_file_that_is_cut_is_refused_wherever_it_is_cut() -> None:
    for length in range(len(SOUND)):
        with pytest.raises(ModelError, match=r"^x\.pth: not a checkpoint"):
            checkpoint.read(SOUND[:length], "x.pth")


def test_bytes_behind_the_last_storage_are_refused() -> None:
    with pytest.raises(ModelError, match="behind the last storage"):
        checkpoint.read(SOUND + b"\0", "x.pth")


HARMLESS = "harmless_module_of_a_test"


@pytest.fixture
def flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once the harmless module was imported, or its function called."""
    written = tmp_path / "flag"
    code = (
        f"from pathlib import Path\n"
        f"def touch(*_):\n    Path({str(written)!r}).touch()\n    return {{}}\n"
        f"touch()\n"
    )
    (tmp_path / f"{HARMLESS}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    return written


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("in a tensor's place", called(f"c{HARMLESS}\ntouch\n".encode())),
        ("by the name alone", f"c{HARMLESS}\ntouch\n".encode()),
        ("found on the stack", plain(HARMLESS) + plain("touch") + b"\x93" + b")R"),
        ("with a dot in it", plain("collections") + plain("OrderedDict.fromkeys") + b"\x93"),
        ("as an instance", f"(i{HARMLESS}\ntouch\n".encode()),
        ("as a type of storage", tensor("1", SIX, kind=f"c{HARMLESS}\ntouch\n".encode())),
        ("of the same module", called(b"ccollections\nCounter\n")),
        ("of the same name", called(b"ctypes\n_rebuild_tensor_v2\n")),
        ("a builtin", called(b"cbuiltins\nlen\n", plain("abc"))),
        ("of the registry of extensions", b"\x82\x01"),
    ],
)
def test_any_other_name_is_refused_and_nothing_of_it_is_executed(
    flag: Path, where: str, name: bytes
) -> None:
    data = checkpoints.checkpoint({"a": name}, {"1": SIX})
    with pytest.raises(ModelError, match=r"^x\.pth: not a checkpoint that can be read safely"):
        checkpoint.read(data, "x.pth")
    for head in (name, pickle.dumps(1, 2)[:2] + name):
        with pytest.raises(ModelError):
            checkpoint.read(b"\x80\x02" + head + b".", "x.pth")
    assert not flag.exists()
    assert HARMLESS not in sys.modules


def test_the_flag_would_be_seen(flag: Path) -> None:
    pickle.loads(b"\x80\x02" + called(f"c{HARMLESS}\ntouch\n".encode()) + b".")
    del sys.modules[HARMLESS]
    assert flag.exists()


def test_a_file_of_another_hash_is_refused_before_it_is_looked_into(
    flag: Path, tmp_path: Path
) -> None:
    file = tmp_path / "x.pth"
    for data in (SOUND, b"", b"\x80\x02" + called(f"c{HARMLESS}\ntouch\n".encode()) + b"."):
        file.write_bytes(data)
        with pytest.raises(ModelError, match=r"x\.pth is damaged, or is another file .* run `pip"):
            build.read(file)
    assert not flag.exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*x\.pth: No such file"):
        build.read(tmp_path / "x.pth")
