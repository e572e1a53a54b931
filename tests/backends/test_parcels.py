"""Files that are sent to a machine: all of them, verified, kept, and never over another's."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from batchcls.backends.fitness import UnfitError
from batchcls.backends.parcels import Delivery, Parcel, libraries, parcels
from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.wire.agents import PIECE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A hub repository's model: its settings are a folder above it."""
    folder = tmp_path / "repo" / "openvino"
    folder.mkdir(parents=True)
    (folder / "openvino_model.xml").write_text("<net/>")
    (folder / "openvino_model.bin").write_bytes(bytes(2 * PIECE + 5))
    (folder.parent / "config.json").write_text("{}")
    return folder / "openvino_model.xml"


def moved(parcel: Parcel, gone: Path) -> Parcel:
    """The parcel, whose files are nowhere to be seen under their own path any more."""
    gone.rename(gone.with_name("away"))
    root = parcel.root.replace(str(gone), str(gone.with_name("away")))
    return Parcel(parcel.field, parcel.path, parcel.digest, root, parcel.main, parcel.files)


def delivered(parcel: Parcel, cache: Path) -> tuple[dict[str, str], int]:
    """Where its files are, and how many pieces were sent."""
    delivery, pieces = Delivery([parcel], cache), 0
    lack = delivery.start()
    while lack is not None:
        _, file, start = lack
        lack = delivery.take(parcel.piece(file, start))
        pieces += 1
    return delivery.paths, pieces


def test_what_is_there_already_is_not_sent(model: Path, tmp_path: Path) -> None:
    (parcel,) = parcels(Job(model=str(model)))
    assert delivered(parcel, tmp_path / "cache") == ({"model": str(model)}, 0)


def test_all_files_of_a_model_are_sent_once(model: Path, tmp_path: Path) -> None:
    parcel = moved(Parcel.of("model", model), tmp_path / "repo")
    paths, pieces = delivered(parcel, tmp_path / "cache")
    assert pieces == 5
    sent = Path(paths["model"])
    assert sent.read_text() == "<net/>"
    assert sent.with_suffix(".bin").stat().st_size == 2 * PIECE + 5
    assert (sent.parents[1] / "config.json").read_text() == "{}"
    assert delivered(parcel, tmp_path / "cache") == (paths, 0), "it is kept"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [parcel.digest]


def test_the_model_of_a_first_look_goes_along_with_all_its_files(model: Path) -> None:
    (parcel,) = parcels(Job(), str(model))
    assert parcel == replace(Parcel.of("model", model), field="first_model")


def test_what_nobody_has_used_for_long_is_removed(model: Path, tmp_path: Path) -> None:
    parcel = moved(Parcel.of("model", model), tmp_path / "repo")
    paths, _ = delivered(parcel, tmp_path / "cache")
    for name in ("old", f"{parcel.digest}.123"):
        (tmp_path / "cache" / name).mkdir()
        os.utime(tmp_path / "cache" / name, (0, 0))
    assert delivered(parcel, tmp_path / "cache") == (paths, 0)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [parcel.digest]


def test_a_kept_file_that_was_damaged_is_sent_again(model: Path, tmp_path: Path) -> None:
    parcel = moved(Parcel.of("model", model), tmp_path / "repo")
    paths, _ = delivered(parcel, tmp_path / "cache")
    Path(paths["model"]).write_text("<other/>")
    paths, pieces = delivered(parcel, tmp_path / "cache")
    assert pieces == 5
    assert Path(paths["model"]).read_text() == "<net/>"


def test_a_file_that_changes_meanwhile_is_noticed(model: Path, tmp_path: Path) -> None:
    parcel = moved(Parcel.of("model", model), tmp_path / "repo")
    Path(parcel.root, "openvino", "openvino_model.xml").write_text("<nut/>")
    with pytest.raises(UnfitError, match="changed while it was sent"):
        delivered(parcel, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_names_that_lead_elsewhere_are_not_written(tmp_path: Path) -> None:
    parcel = Parcel("labels", "/nowhere/x", "0", "/nowhere", "x", (("../../x", 1, "0"),))
    with pytest.raises(UnfitError, match="leads out"):
        delivered(parcel, tmp_path / "a" / "cache")


def test_a_folder_that_cannot_be_written_is_named(model: Path, tmp_path: Path) -> None:
    parcel = moved(Parcel.of("model", model), tmp_path / "repo")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UnfitError, match=r"cannot write .*cache"):
        delivered(parcel, tmp_path / "cache")


def test_labels_go_along_and_libraries_do_not(tmp_path: Path) -> None:
    for name in ("labels.txt", "mine.txt", "libops.so", "libdevice.so"):
        (tmp_path / name).write_text(name)
    job = Job(
        labels=str(tmp_path / "labels.txt"),
        classes=str(tmp_path / "mine.txt"),
        always=str(tmp_path / "mine.txt"),
        extension=(str(tmp_path / "libops.so"),),
        plugin=(f"X={tmp_path}/libdevice.so", "Y=openvino_template"),
    )
    found = {parcel.field: [name for name, *_ in parcel.files] for parcel in parcels(job)}
    assert found == {"labels": ["labels.txt"], "classes": ["mine.txt"], "always": ["mine.txt"]}
    assert [Path(path).name for path, _ in libraries(job)] == ["libops.so", "libdevice.so"]
    with pytest.raises(ModelError):
        parcels(Job(labels=str(tmp_path / "none.txt")))
