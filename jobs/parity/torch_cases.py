"""Families of torchvision, Ultralytics and timm: their own transforms over Pillow pictures."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import timm.data
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from jobs.parity.cases import Case, Reference, Tensor
from jobs.parity.identity import write_ir, write_json, write_onnx

Size = tuple[int, int]
BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def of(transform: Callable[[Image.Image], Any]) -> Reference:
    """A transform that gives a torch tensor (3, height, width)."""

    def reference(picture: Image.Image) -> Tensor:
        return np.asarray(transform(picture), np.float32).transpose(1, 2, 0)

    return reference


def cases(*, small: bool) -> list[Case]:
    """All of them; `small` gives the same for inputs of about 16 pixels."""
    return _torchvision(small) + _ultralytics(small) + _timm(small)


def _torchvision(small: bool) -> list[Case]:
    edge, crop = (18, 16) if small else (256, 224)
    found = [
        Case(
            "torchvision",
            f"preset {preset}, {edge} → {crop} {mode.value}",
            partial(_write_bare, size=(crop, crop)),
            partial(_open_torchvision, edge, crop, mode),
            {"preprocess": preset},
        )
        for preset, mode in (("torchvision", BILINEAR), ("timm", BICUBIC))
    ]
    sizes = (
        ((19, 16, BILINEAR), (17, 17, BICUBIC), (12, 16, BILINEAR))
        if small
        else ((232, 224, BILINEAR), (288, 288, BICUBIC), (235, 224, BICUBIC), (518, 518, BICUBIC))
    )
    for edge, crop, mode in sizes:
        own = {
            "resize_type": "shortest_edge",
            "resize_to": [edge, edge],
            "interpolation": f"pillow_{mode.value}",
            "crop_rounding": "even",
            "reverse_input_channels": True,
            "mean_values": MEAN,
            "scale_values": STD,
        }
        found.append(
            Case(
                "torchvision",
                f"rt_info batchcls, {edge} → {crop} {mode.value}",
                partial(_write_own, size=(crop, crop), own=own),
                partial(_open_torchvision, edge, crop, mode),
            )
        )
    return found


def _write_bare(folder: Path, size: Size) -> Path:
    return write_onnx(folder, size, info={})


def _open_torchvision(edge: int, crop: int, mode: InterpolationMode, folder: Path) -> Reference:
    del folder
    return of(ImageClassification(crop_size=crop, resize_size=edge, interpolation=mode))


def _write_own(folder: Path, size: Size, own: Mapping[str, Any]) -> Path:
    return write_ir(folder, size, own=own)


def _ultralytics(small: bool) -> list[Case]:
    """Its own classify_transforms, for a folder and a single file as its exporter writes them."""
    found = []
    for size in ((16, 16), (12, 18)) if small else ((224, 224), (160, 224)):
        for name, write in (("OpenVINO", _write_folder), ("ONNX", _write_single)):
            case = Case(
                "ultralytics",
                f"{name}, imgsz {size}",
                partial(write, size=size),
                partial(_open_ultralytics, size),
            )
            found.append(case)
    return found


def _open_ultralytics(size: Size, folder: Path) -> Reference:
    # It asks whether there is a network, and keeps settings, as soon as it is imported.
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder.parent))
    from ultralytics.data.augment import classify_transforms

    return of(classify_transforms(size))


def _write_folder(folder: Path, size: Size) -> Path:
    (folder / "metadata.yaml").write_text(
        "description: Ultralytics YOLO11n-cls model\nauthor: Ultralytics\n"
        f"stride: 1\ntask: classify\nbatch: 1\nimgsz:\n- {size[0]}\n- {size[1]}\n"
        "args:\n  batch: 1\n  half: false\nchannels: 3\n"
    )
    info = {"model_type": "YOLO", "reverse_input_channels": True, "pad_value": 114}
    return write_ir(folder, size, model_info={**info, "scale_values": [255.0]})


def _write_single(folder: Path, size: Size) -> Path:
    info = {"author": "Ultralytics", "task": "classify", "imgsz": str(list(size)), "channels": "3"}
    return write_onnx(folder, size, info=info)


TIMM: tuple[dict[str, Any], ...] = (
    {},
    {"crop_pct": 0.9, "interpolation": "bicubic"},
    {"crop_pct": 0.95, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
    {"crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bicubic"},
    {"crop_pct": 0.9, "crop_mode": "squash", "interpolation": "bilinear"},
    {"crop_pct": 1.0, "crop_mode": "border", "interpolation": "bicubic"},
    {"crop_pct": 0.9, "crop_mode": "border", "interpolation": "bilinear"},
    {"crop_pct": 0.96, "interpolation": "lanczos"},
    {"crop_pct": 0.875, "interpolation": "nearest"},
    {"crop_pct": 0.875, "interpolation": "box"},
    {"crop_pct": 0.875, "interpolation": "hamming"},
    {"input_size": [3, 160, 288], "crop_pct": 0.9, "interpolation": "bicubic"},
    {"input_size": [3, 160, 288], "crop_pct": 0.9, "crop_mode": "border"},
    {"input_size": [3, 160, 288], "crop_pct": 0.95, "crop_mode": "squash"},
    {"input_size": [3, 224, 224], "test_input_size": [3, 288, 288], "crop_pct": 0.95,
     "test_crop_pct": 1.0},
)  # fmt: skip
SMALL_SIZES = {160: 12, 288: 18, 224: 16}


def _timm(small: bool) -> list[Case]:
    found = []
    for change in TIMM:
        cfg = {
            "input_size": [3, 224, 224],
            "interpolation": "bicubic",
            "crop_pct": 0.875,
            "crop_mode": "center",
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "num_classes": 10,
            **change,
        }
        if small:
            for key in ("input_size", "test_input_size"):
                if key in cfg:
                    cfg[key] = [3, *(SMALL_SIZES[n] for n in cfg[key][1:])]
        words = " ".join(f"{key}={value}" for key, value in change.items()) or "defaults"
        found.append(Case("timm", words, partial(_write_timm, cfg=cfg), partial(_open_timm, cfg)))
    return found


def _write_timm(folder: Path, cfg: Mapping[str, Any]) -> Path:
    size = cfg.get("test_input_size") or cfg["input_size"]
    write_json(
        folder / "config.json",
        {
            "architecture": "resnet50",
            "num_classes": 10,
            "num_features": 2048,
            "pretrained_cfg": cfg,
        },
    )
    return write_ir(folder, (size[1], size[2])).parent


def _open_timm(cfg: Mapping[str, Any], folder: Path) -> Reference:
    del folder
    config = timm.data.resolve_data_config(
        pretrained_cfg=dict(cfg), use_test_size="test_input_size" in cfg
    )
    return of(timm.data.create_transform(**config, is_training=False))
