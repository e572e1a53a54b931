"""Which of the plausible preprocessings a run's images speak for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcls.errors import UndecidedError
from batchcls.images import Picture
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.choosing import FEWEST_IMAGES, Choosing
from batchcls.model.infer.classifier import Classifier
from tests.support import onnx_models
from tests.support.tiny_models import flat_colour

pytestmark = pytest.mark.runs

ONE = Threads(nthreads=1, nstreams="1", nireq=1)


def pictures(count: int = 96, *, one: bool = False) -> Iterator[Picture]:
    colours = onnx_models.NAMED_COLOURS
    for number in range(count):
        red, green, blue = colours[0 if one else number % len(colours)]
        pixels = flat_colour((blue, green, red))
        yield Picture(pixels, pixels.shape[1], pixels.shape[0])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return onnx_models.nearest_colour(tmp_path / "m.onnx")


def test_what_tells_most_about_the_images_is_chosen(model: Path) -> None:
    """The model wants -1..1, the usual guess is ImageNet's mean and std."""
    choice = Choosing(Job(model=str(model))).choose(pictures())
    assert choice.name == "RGB, -1..1"
    assert FEWEST_IMAGES <= choice.images <= 96
    assert "6 plausible preprocessings were tried" in choice.words
    assert "RGB, scaled to -1..1, fits best" in choice.words


def test_what_cannot_be_told_apart_gives_way_to_the_usual(model: Path) -> None:
    """All images are the same: no answer tells anything."""
    choice = Choosing(Job(model=str(model))).choose(pictures(one=True))
    assert choice.name == "RGB, ImageNet"
    assert "cannot be told from RGB, scaled to -1..1" in choice.words


@pytest.mark.runs
@pytest.mark.parametrize("count", [0, 3, FEWEST_IMAGES - 1])
def test_few_images_decide_nothing(model: Path, count: int) -> None:
    choice = Choosing(Job(model=str(model))).choose(pictures(count))
    assert (choice.name, choice.images) == ("RGB, ImageNet", 0)
    assert "too few images" in choice.words


def test_a_worker_asks_before_it_guesses_and_takes_what_it_is_told(model: Path) -> None:
    job = Job(model=str(model))
    with pytest.raises(UndecidedError, match="does not say how its images are preprocessed"):
        Classifier.open(job, ONE, None)
    for guess, mean in (("", 123.675), ("RGB, -1..1", 127.5)):
        classifier = Classifier.open(job, ONE, guess)
        assert classifier.description["preprocess"]["mean_values"][0] == mean
        classifier.close()


def test_it_asks_again_where_the_compiled_model_is_cached(model: Path, tmp_path: Path) -> None:
    job = Job(model=str(model), cache_dir=str(tmp_path / "cache"))
    Classifier.open(job, ONE).close()
    with pytest.raises(UndecidedError):
        Classifier.open(job, ONE, None)


def test_a_worker_asks_nothing_where_there_is_nothing_to_tell(model: Path, tmp_path: Path) -> None:
    few = onnx_models.colours(tmp_path / "few.onnx")  # three classes
    for job in (Job(model=str(few)), Job(model=str(model), preprocess="tf")):
        Classifier.open(job, ONE, None).close()
