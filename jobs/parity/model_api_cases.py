"""Family of model_api: its classification wrapper around the same file."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from model_api.models import ClassificationModel
from PIL import Image

from jobs.parity.cases import Case, Reference, Tensor
from jobs.parity.identity import unflatten, write_ir, write_onnx

Size = tuple[int, int]
RESIZE_TYPES = ("standard", "crop", "fit_to_window", "fit_to_window_letterbox")
NUMBERS = {"mean_values": "123.675 116.28 103.53", "scale_values": "58.395 57.12 57.375"}


def cases(*, small: bool) -> list[Case]:
    """Every resize type, interpolation and intensity mode that its graph knows."""
    square, wide = ((16, 16), (12, 18)) if small else ((224, 224), (160, 288))
    found = [
        _case(f"{kind}, {mode}", square, {"resize_type": kind, "interpolation_mode": mode})
        for kind in RESIZE_TYPES
        for mode in ("LINEAR", "CUBIC", "NEAREST")
    ]
    found += [
        # Its crop to another shape than a square has two paths that contradict each other.
        replace(
            _case(f"{kind}, not square", wide, {"resize_type": kind, "pad_value": "114"}),
            judged=kind != "crop",
        )
        for kind in RESIZE_TYPES
    ]
    found += [
        _case("nothing but model_type", square, {"model_type": "Classification"}),
        _case(
            "letterbox, pad 114, RGB, mean and scale",
            square,
            {
                "resize_type": "fit_to_window_letterbox",
                "pad_value": "114",
                "reverse_input_channels": "YES",
                **NUMBERS,
            },
        ),
        _case("BGR, mean and scale, NHWC", wide, dict(NUMBERS), layout="NHWC"),
        _case(
            "reverse_input_channels=True, from ONNX",
            square,
            {"reverse_input_channels": "True", "resize_type": "fit_to_window", **NUMBERS},
            onnx=True,
        ),
        _case("input_dtype f32", square, {"input_dtype": "f32", "resize_type": "standard"}),
        _case(
            "scale_to_unit, then mean",
            square,
            {
                "intensity_mode": "scale_to_unit",
                "mean_values": "0.485 0.456 0.406",
                "scale_values": "0.229 0.224 0.225",
                "reverse_input_channels": "True",
            },
        ),
        _case(
            "window",
            square,
            {
                "intensity_mode": "window",
                "intensity_window_center": "120",
                "intensity_window_width": "160",
            },
            step=1 / 160,
        ),
        _case(
            "range_scale",
            square,
            {
                "intensity_mode": "range_scale",
                "intensity_scale_factor": "0.5",
                "intensity_min_value": "10",
                "intensity_max_value": "100",
            },
            step=0.5 / 90,
        ),
        _case(
            "saved by model_api",
            square,
            {"reverse_input_channels": "True", **NUMBERS},
            layout="NHWC",
            saved=True,
        ),
    ]
    return found


def _case(
    name: str,
    size: Size,
    info: Mapping[str, Any],
    *,
    layout: str = "NCHW",
    onnx: bool = False,
    saved: bool = False,
    step: float | None = None,
) -> Case:
    info = {"model_type": "Classification", **info}
    return Case(
        "model_api",
        name,
        partial(_write, size=size, info=info, layout=layout, onnx=onnx, saved=saved),
        partial(_open, size=size, layout=layout),
        step=step,
    )


def _write(
    folder: Path, size: Size, info: Mapping[str, Any], layout: str, onnx: bool, saved: bool
) -> Path:
    if onnx:
        props = {f"model_info {key}": str(value) for key, value in info.items()}
        return write_onnx(folder, size, layout, info=props)
    path = write_ir(folder, size, layout, model_info=info)
    if saved:  # with its processing in the graph
        ClassificationModel.create_model(str(path), device="CPU").save(str(folder / "saved.xml"))
        for suffix in (".bin", ".xml"):
            (folder / "saved.xml").with_suffix(suffix).replace(path.with_suffix(suffix))
    return path


def _open(folder: Path, size: Size, layout: str) -> Reference:
    path = next(p for p in folder.iterdir() if p.suffix in (".xml", ".onnx"))
    wrapper = ClassificationModel.create_model(
        str(path), model_type="Classification", preload=True, device="CPU"
    )

    def reference(picture: Image.Image) -> Tensor:
        bgr = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
        inputs, _ = wrapper.base_preprocess(bgr)
        scores = next(iter(wrapper.infer_sync(inputs).values()))
        return unflatten(np.array(scores, np.float32), size, layout)

    return reference
