"""A guess that was written into a model stays a guess."""

from pathlib import Path
from typing import Any

import pytest

from batchcls.cli.main import main
from batchcls.errors import ModelError
from batchcls.job.job import Job
from batchcls.model.compile import load
from batchcls.model.compile.model_metadata import ModelMetadata
from batchcls.model.devices.core import open_core
from batchcls.model.export import export
from tests.support import onnx_models


def known(path: Path, **options: Any) -> ModelMetadata:
    job = Job(model=str(path), **options)
    return load.load(job, open_core(job)).metadata


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    model = onnx_models.nearest_colour(tmp_path / "m.onnx")
    return export(Job(model=str(model)), tmp_path / "out.xml")


def test_every_later_command_repeats_it(exported: Path, tmp_path: Path) -> None:
    for path in (exported, export(Job(model=str(exported)), tmp_path / "again.xml")):
        found = known(path)
        (guess,) = found.guesses
        assert guess in found.warnings
        assert "was guessed when the model was written" in guess
        assert "shortest_edge, RGB, mean 123.675 116.28 103.53, scale 58.395 57.12 57.375" in guess
        assert found.plausible == ()  # it is not asked again: an INT8 model is calibrated on it
        with pytest.raises(ModelError, match="--strict-preprocess: this model's preprocessing was"):
            known(path, strict_preprocess=True)


@pytest.mark.parametrize("options", [{"preprocess": "timm"}, {"mean_values": "127.5"}])
def test_a_word_about_it_settles_it(exported: Path, options: dict[str, Any]) -> None:
    assert known(exported, **options, strict_preprocess=True).guesses == ()


def test_what_is_known_is_written_as_known(tmp_path: Path) -> None:
    model = onnx_models.colours(tmp_path / "m.onnx")
    out = export(Job(model=str(model), preprocess="tf"), tmp_path / "out.xml")
    assert known(out, strict_preprocess=True).warnings == ()


def test_commands_say_it(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(exported)]) == 0
    assert "warning: this model's preprocessing was guessed" in capsys.readouterr().out
