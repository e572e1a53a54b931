"""Small models of every family get the tensors that their reference code computes for them.

`parity.zip` is written by jobs/parity/make_fixtures.py, with the real torchvision, timm,
transformers and model_api; every model in it is an identity, so its scores are its input.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from batchcls.decode.decode import decode
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.infer.classifier import Classifier

FIXTURES = Path(__file__).with_name("parity.zip")
FINENESS = 64  # of the kept tensors: parts of an 8-bit step
PICTURES = ("37x23.png", "9x40.png")
SLACK = 1 / FINENESS
CASES: list[dict[str, Any]] = json.loads(zipfile.ZipFile(FIXTURES).read("cases.json"))


def extracted(case: dict[str, Any], into: Path) -> Path:
    """The case's folder, unpacked; its model argument."""
    number = case["model"].split("/")[0]
    with zipfile.ZipFile(FIXTURES) as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{number}/")]
        archive.extractall(into, names)
    return into / str(case["model"])


def kept(case: dict[str, Any], picture: str) -> NDArray[np.float64]:
    """The reference's tensor, (height, width, 3), in 8-bit steps."""
    with zipfile.ZipFile(FIXTURES) as archive:
        number = case["model"].split("/")[0]
        data = archive.read(f"{number}/{picture}.npy")
    fine: NDArray[np.float64] = np.load(io.BytesIO(data)).astype(np.float64)
    return fine / FINENESS


def entered(classifier: Classifier, picture: str) -> NDArray[np.float32]:
    """The tensor that enters an identity model, flat."""
    with zipfile.ZipFile(FIXTURES) as archive:
        pixels = decode(archive.read(f"pictures/{picture}"))
    ring = classifier.rings[0]
    ring.start(("only",), [classifier.prepare(pixels)])
    finished = ring.wait(30.0)
    assert finished is not None
    assert finished.error is None
    scores: NDArray[np.float32] = finished.scores[0]
    return scores


@pytest.mark.runs
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_model_gets_what_its_reference_computes(case: dict[str, Any], tmp_path: Path) -> None:
    model = extracted(case, tmp_path)
    job = Job(sources=("-",), model=str(model), infer_precision="f32", **case["options"])
    classifier = Classifier.open(job, Threads(nthreads=1, nstreams="1", nireq=1))
    layout = classifier.description["model"]["inputs"][0]["shape"].split(",")[1].strip(" []")
    try:
        for picture in PICTURES:
            wanted = kept(case, picture)
            height, width, _ = wanted.shape
            flat = entered(classifier, picture)
            assert flat.size == wanted.size
            if layout == "3":
                tensor = flat.reshape(3, height, width).transpose(1, 2, 0)
            else:
                tensor = flat.reshape(height, width, 3)
            steps = np.abs(tensor / np.array(case["step"]) - wanted)
            assert steps.max() <= 1 + SLACK, f"{picture}: {(steps > 1 + SLACK).mean():.1%} differ"
    finally:
        classifier.close()


def test_every_family_and_every_resize_type_of_model_api_is_there() -> None:
    names = [str(case["name"]) for case in CASES]
    families = {name.split(":")[0] for name in names}
    assert families == {"torchvision", "ultralytics", "timm", "transformers", "model_api"}
    for kind in ("standard", "crop", "fit_to_window", "fit_to_window_letterbox"):
        assert any(name.startswith(f"model_api: {kind}") for name in names)
