"""What transformers' image processors assume for a key that `preprocessor_config.json` lacks.

Read off the classes of transformers 5.24 (`image_processing_pil_*.py`). A family that is not here
gets what most classes share: ViT's values.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

HALF = [0.5, 0.5, 0.5]
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
BILINEAR, BICUBIC = 2, 3
CROPPED = {"do_center_crop": True, "crop_size": 224}

SHARED: Mapping[str, Any] = MappingProxyType(
    {"resample": BILINEAR, "image_mean": HALF, "image_std": HALF, "crop_size": 224}
)
FAMILIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "ViT": {"size": {"height": 224, "width": 224}},
        "Beit": {"resample": BICUBIC, "size": {"height": 224, "width": 224}},
        "Siglip": {"resample": BICUBIC, "size": {"height": 224, "width": 224}},
        "Pvt": {"resample": BICUBIC, "size": {"height": 224, "width": 224}, **IMAGENET},
        "DeiT": {"resample": BICUBIC, "size": {"height": 256, "width": 256}, **CROPPED},
        "EfficientNet": {
            "resample": BICUBIC,
            "size": {"height": 346, "width": 346},
            "crop_size": 289,
        },
        "ConvNext": {"resample": BICUBIC, "size": {"shortest_edge": 384}},
        "MobileNetV1": {"size": {"shortest_edge": 256}, **CROPPED},
        "MobileNetV2": {"size": {"shortest_edge": 256}, **CROPPED},
        "Levit": {"resample": BICUBIC, "size": {"shortest_edge": 224}, **CROPPED, **IMAGENET},
        "Bit": {"resample": BICUBIC, "size": {"shortest_edge": 224}, **CROPPED, **CLIP},
        "CLIP": {"resample": BICUBIC, "size": {"shortest_edge": 224}, **CROPPED, **CLIP},
        "PoolFormer": {
            "resample": BICUBIC,
            "size": {"shortest_edge": 224},
            "crop_pct": 0.9,
            **CROPPED,
            **IMAGENET,
        },
        "MobileViT": {
            "resample": BICUBIC,
            "size": {"shortest_edge": 224},
            "do_center_crop": True,
            "crop_size": 256,
            "do_flip_channel_order": True,
            "do_normalize": False,
        },
    }
)


def filled(config: Mapping[str, Any], family: str) -> dict[str, Any]:
    """A processor's file with its class's values where the file says nothing."""
    return {**SHARED, **FAMILIES.get(family, {}), **config}
