"""`inspect --probe`: what it tries, finds and says."""

import json
from pathlib import Path

import pytest

from batchcls.cli.main import main


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.runs
def test_the_probe_learns_from_folders(
    model: Path, names: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "red" / "broken.png").write_bytes(b"")
    words = ["inspect", model, "--labels", names, "--probe", photos]
    assert run(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["with_truth"], found["unreadable"]) == (9, 9, 1)
    best = found["trials"][0]
    assert best["accuracy"] == 1.0
    assert best["options"]["reverse_input_channels"] is True
    assert min(trial["accuracy"] for trial in found["trials"]) < 0.5
    assert run(*words) == 0
    said = capsys.readouterr().out
    assert "Tried on 9 images; the true class of 9 is known; 1 more could not be read" in said
    command = said.splitlines()[-1].strip()
    assert command == found["command"]
    assert command.startswith(f"batchcls run {photos} --model {model} --labels {names} --reverse-")
    # What is pasted is what was tried.
    assert run("inspect", model, *command.replace("'", "").split()[5:], "--json") == 0
    resolved = json.loads(capsys.readouterr().out)["preprocess"]
    assert resolved["resize_type"] == best["options"]["resize_type"]
    assert resolved["reverse_input_channels"] is True


@pytest.mark.runs
def test_the_probe_without_truth_says_so(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("inspect", model, "--probe", photos, "-n", 4) == 0
    said = capsys.readouterr().out
    assert "Tried on 4 images\n" in said
    assert "Ranked by how much an answer tells" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect", "M", "--truth", "a.csv"], "`--truth` needs `--probe DIR`"),
        (["inspect", "M", "--probe", "P", "--images", "0"], "--images 0: must be 1 or more"),
        (
            ["inspect", "M", "--probe", "P", "--truth", "T"],
            "truth file T: no row fits these images",
        ),
        (["inspect", "M", "--probe", "E"], "E: none of the images tried can be read"),
        (["inspect", "M", "--resize-type", "tall"], "--resize-type tall: expected one of standard"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_named(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    model.rename("M.xml")
    model.with_suffix(".bin").rename("M.bin")
    photos.rename("P")
    Path("T").write_text("file,label\nelsewhere.png,red\n")
    Path("E").mkdir()
    Path("E/a.png").write_bytes(b"no picture")
    before = sorted(tmp_path.rglob("*"))
    assert main(["M.xml" if word == "M" else word for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"batchcls: error: {message}" in captured.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.runs
@pytest.mark.real
def test_the_real_models_channels_are_found(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = real_data / "models/mobilenet_v2_1.0_224_quant.tflite"
    words = ["inspect", path, "--labels", real_data / "models/imagenet_labels.txt", "--probe",
             real_data / "photos", "--truth", real_data / "photos.csv", "-n", 16]  # fmt: skip
    assert run(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["with_truth"] == 16
    ranked = [trial["name"] for trial in found["trials"]]
    assert "BGR, none, standard" in ranked
    assert "BGR" not in ranked[0]
    assert {trial["int8"] for trial in found["trials"]} == {"fast", "exact"}
