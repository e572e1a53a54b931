"""What transformers' image processors assume for a key that `preprocessor_config.json` lacks.

Read off the classes of transformers 5.24 (`image_processing_pil_*.py`, or the torchvision class of
a family that has no other), and which class belongs to a `model_type`. Some families have steps of
their own beside their values: `preprocessor_config` knows those.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
BILINEAR, BICUBIC = 2, 3
CROPPED = {"do_center_crop": True, "crop_size": 224}
BY_EDGE = {"default_to_square": False, "size": {"shortest_edge": 224}}

SHARED: Mapping[str, Any] = MappingProxyType(
    {
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_center_crop": False,
        "rescale_factor": 1 / 255,
        "resample": BILINEAR,
        "size": {"height": 224, "width": 224},
        "default_to_square": True,
        **HALF,
    }
)
"""ViT's, and what most classes start from."""

FAMILIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "ViT": {},
        "DeiT": {"resample": BICUBIC, "size": {"height": 256, "width": 256}, **CROPPED},
        "Beit": {"resample": BICUBIC, "crop_size": 224},
        "Pvt": {"resample": BICUBIC, **IMAGENET},
        "Siglip": {"resample": BICUBIC, "default_to_square": False},
        "Blip": {"resample": BICUBIC, "size": {"height": 384, "width": 384}, **CLIP},
        "OwlViT": {
            "resample": BICUBIC,
            "size": {"height": 768, "width": 768},
            "crop_size": 768,
            **CLIP,
        },
        "Segformer": {"size": {"height": 512, "width": 512}, **IMAGENET},
        "DINOv3ViT": IMAGENET,
        "Tipsv2": {"size": {"height": 448, "width": 448}, "do_normalize": False},
        "Bit": {"resample": BICUBIC, **BY_EDGE, **CROPPED, **CLIP},
        "CLIP": {"resample": BICUBIC, **BY_EDGE, **CROPPED, **CLIP},
        "ChineseCLIP": {"resample": BICUBIC, **BY_EDGE, **CROPPED, **CLIP},
        "MobileNetV1": {**BY_EDGE, "size": {"shortest_edge": 256}, **CROPPED},
        "MobileNetV2": {**BY_EDGE, "size": {"shortest_edge": 256}, **CROPPED},
        "ConvNext": {
            "resample": BICUBIC,
            **BY_EDGE,
            "size": {"shortest_edge": 384},
            "crop_pct": 224 / 256,
        },
        "Levit": {"resample": BICUBIC, **BY_EDGE, **CROPPED, **IMAGENET},
        "PoolFormer": {"resample": BICUBIC, **BY_EDGE, "crop_pct": 0.9, **CROPPED, **IMAGENET},
        "MobileViT": {
            "resample": BICUBIC,
            **BY_EDGE,
            **CROPPED,
            "crop_size": 256,
            "do_flip_channel_order": True,
        },
        "EfficientNet": {
            "resample": BICUBIC,
            "size": {"height": 346, "width": 346},
            "crop_size": 289,
            "rescale_offset": False,
            "include_top": True,
        },
        "PPLCNet": {
            **CROPPED,
            "resize_short": 256,
            "size_divisor": 1,
            "image_mean": [0.406, 0.456, 0.485],
            "image_std": [0.225, 0.224, 0.229],
        },
        "TextNet": {
            **BY_EDGE,
            "size": {"shortest_edge": 640},
            "crop_size": 224,
            "size_divisor": 32,
            **IMAGENET,
        },
        "Donut": {
            "size": {"height": 2560, "width": 1920},
            "do_thumbnail": True,
            "do_align_long_axis": False,
            "do_pad": True,
        },
        "Perceiver": {"resample": BICUBIC, **CROPPED, "crop_size": 256, **IMAGENET},
    }
)
"""Class name without "ImageProcessor" → its values that are not `SHARED`'s."""

NOT_PICTURES = frozenset({"ImageGPT", "Siglip2"})
"""What these give is no picture: colour clusters, a sequence of patches."""

_MODEL_TYPES = {
    "ViT": "clipseg dinat ijepa mgp-str swiftformer swin swinv2 trocr vit vit_mae vit_msn",
    "DeiT": "deit",
    "Beit": "beit data2vec-vision",
    "Pvt": "pvt pvt_v2",
    "Siglip": "siglip",
    "Siglip2": "siglip2",
    "Blip": "blip blip-2 instructblip",
    "OwlViT": "owlvit",
    "Segformer": "segformer upernet",
    "DINOv3ViT": "dinov3_vit",
    "Tipsv2": "tipsv2",
    "Bit": "bit dinov2 focalnet hiera pixio",
    "CLIP": "aimv2 aimv2_vision_model altclip clip florence2 groupvit kosmos-2 metaclip_2 mlcd",
    "ChineseCLIP": "chinese_clip",
    "MobileNetV1": "mobilenet_v1",
    "MobileNetV2": "mobilenet_v2",
    "ConvNext": "convnext convnextv2 cvt regnet resnet",
    "Levit": "levit",
    "PoolFormer": "poolformer",
    "MobileViT": "mobilevit mobilevitv2",
    "EfficientNet": "align efficientnet",
    "PPLCNet": "pp_lcnet",
    "TextNet": "textnet",
    "Donut": "donut-swin",
    "Perceiver": "perceiver",
    "ImageGPT": "imagegpt",
}

BY_MODEL_TYPE: Mapping[str, str] = MappingProxyType(
    {kind: family for family, kinds in _MODEL_TYPES.items() for kind in kinds.split()}
)
"""`model_type` of `config.json` → family, for files that do not name their class."""

_ENDINGS = ("Pil", "Fast", "ImageProcessor", "FeatureExtractor")


def family(class_name: str) -> str:
    """A class's family: "ViT" of ViTImageProcessorFast or ViTFeatureExtractor."""
    for ending in _ENDINGS:
        class_name = class_name.removesuffix(ending)
    return class_name


def filled(config: Mapping[str, Any], family: str) -> dict[str, Any]:
    """A processor's file with its class's values where the file says nothing; null is a value."""
    return {**SHARED, **FAMILIES.get(family, {}), **config}
