"""Files that carry a model's name and are none: what they are is said, and nothing else."""

from pathlib import Path

import pytest

from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.job.paths import expanded
from batchcls.job.threads import Threads
from batchcls.model.files import readable
from batchcls.model.infer.classifier import Classifier
from tests.support import onnx_models
from tests.support import tiny_models as tiny

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n"


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("m.onnx", LFS, r"Git LFS .*git lfs pull"),
        ("m.tflite", LFS, "Git LFS"),
        ("m.onnx", b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html>", "a web page"),
        ("m.pb", b"<HTML>", "a web page"),
        ("m.onnx", b"PK\x03\x04rest", "a zip archive, not a model; unpack it"),
        ("m.onnx", b"\x1f\x8b\x08rest", "a gzip archive"),
        ("m.onnx", b"\xff\xd8\xff\xe0", "a JPEG picture"),
        ("m.onnx", b"", "is empty"),
        ("m.onnx", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        ("m.tflite", b"\x80\x02}q\x00.", "a Python pickle, as PyTorch"),
        ("m.tflite", b"something else", r"m\.tflite is not a TFLite model"),
        ("m.onnx", b"something else", r"m\.onnx is not an ONNX model"),
        ("m.onnx", b"\x08\x08\x3a\xff\x7fgraph", "ends early"),
        ("m.xml", b"<annotation><folder/></annotation>", "not an OpenVINO IR"),
        ("m.xml", b'<?xml version="1.0"?><net name="a" version="7"><layers/></net>', "version 7"),
        (
            "m.xml",
            b'<?xml version="1.0"?><net name="a" version="11">',
            r"weights m\.bin are missing",
        ),
    ],
)
def test_what_is_no_model_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, data: bytes, match: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match=match) as caught:
        Classifier.open(Job(model=str(tmp_path / name), cache=False), Threads())
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_weights_that_git_lfs_left_behind(tmp_path: Path) -> None:
    model = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    readable.check(model)
    model.with_suffix(".bin").write_bytes(LFS)
    with pytest.raises(ModelError, match=r"m\.bin is a pointer that Git LFS left"):
        readable.check(model)


def test_an_ir_of_a_later_version(tmp_path: Path) -> None:
    model = tiny.save(tiny.colour_model(), tmp_path / "m.xml")
    model.write_text(model.read_text().replace('version="11"', 'version="99"', 1))
    with pytest.raises(ModelError, match=r"IR of version 99, and OpenVINO .* cannot read it"):
        Classifier.open(Job(model=str(model), cache=False), Threads())


def external(name: str) -> bytes:
    """An initializer whose numbers lie in another file."""
    entry = onnx_models.data(1, "location") + onnx_models.data(2, name)
    kind = onnx_models.number(2, onnx_models.FLOAT) + onnx_models.data(8, "w")
    return onnx_models.number(1, 1) + kind + onnx_models.data(13, entry) + onnx_models.number(14, 1)


def test_external_weights_are_named_where_they_are_missing(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "m.onnx", initializers=[external("m.onnx.data")])
    with pytest.raises(ModelError, match=r"m\.onnx: its weights m\.onnx\.data are missing"):
        readable.check(model)
    (tmp_path / "m.onnx.data").write_bytes(b"\0" * 4)
    readable.check(model)
    (tmp_path / "m.onnx.data").write_bytes(LFS)
    with pytest.raises(ModelError, match=r"m\.onnx\.data is a pointer"):
        readable.check(model)


def test_a_name_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert expanded("~/a.onnx") == Path("/home/somebody/a.onnx")
    assert expanded("~nobody-is-called-so.onnx") == Path("~nobody-is-called-so.onnx")
    onnx_models.colours(tmp_path / "~old.onnx")
    Classifier.open(Job(model="~old.onnx", cache=False), Threads(nstreams="1", nireq=1)).close()
