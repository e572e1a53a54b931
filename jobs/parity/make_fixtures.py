"""Writes tests/model/preprocess/parity.zip: small models with the tensors that they should get.

    python -m jobs.parity.make_fixtures

The default tests read it without torch, timm or transformers. Run it again when a case changes; the
file is the same for the same cases and the same versions of the references.
"""

from jobs.parity import ours  # noqa: F401 - first: sets the limits of OpenCV before anybody imports it

# isort: split
import io
import json
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jobs.parity import huggingface_cases, model_api_cases, torch_cases
from jobs.parity.cases import Case, step_of
from jobs.parity.generated import textured

TARGET = Path(__file__).parents[2] / "tests" / "model" / "preprocess" / "parity.zip"
SIZES = ((37, 23), (9, 40))
"""(width, height): larger than the inputs, and extreme with an edge below them."""
FINENESS = 64
"""Of the kept tensors: parts of an 8-bit step."""
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Write every small case, ask its reference, keep both."""
    warnings.filterwarnings("ignore")
    files: dict[str, bytes] = {}
    pictures = {}
    for width, height in SIZES:
        picture = Image.fromarray(textured(width, height))
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        name = f"{width}x{height}.png"
        pictures[name] = picture
        files[f"pictures/{name}"] = file.getvalue()
    families = (torch_cases, huggingface_cases, model_api_cases)
    cases = [case for family in families for case in family.cases(small=True)]
    judged = [case for case in cases if case.judged]
    with tempfile.TemporaryDirectory() as folder:
        index = [
            _keep(f"{number:02}", case, pictures, Path(folder), files)
            for number, case in enumerate(judged)
        ]
    files["cases.json"] = json.dumps(index, indent=1).encode()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    print(f"{len(judged)} cases, {TARGET.stat().st_size / 1000:.0f} kB: {TARGET}")


def _keep(
    number: str,
    case: Case,
    pictures: dict[str, Image.Image],
    folder: Path,
    files: dict[str, bytes],
) -> dict[str, Any]:
    place = folder / number
    place.mkdir()
    model = case.write(place)
    reference = case.reference(place)
    step = step_of(case, reference)
    for path in sorted(place.iterdir()):
        files[f"{number}/{path.name}"] = path.read_bytes()
    for name, picture in pictures.items():
        fine = np.rint(reference(picture).astype(np.float64) / step * FINENESS)
        if np.abs(fine).max() > np.iinfo(np.int16).max:
            raise ValueError(f"{case.key}: a value beyond {FINENESS}ths of a step in 16 bits")
        kept = io.BytesIO()
        np.save(kept, fine.astype(np.int16))
        files[f"{number}/{name}.npy"] = kept.getvalue()
    return {
        "name": case.key,
        "model": str(model.relative_to(folder)),
        "options": dict(case.options),
        "step": [float(s) for s in step],
    }


if __name__ == "__main__":
    main()
