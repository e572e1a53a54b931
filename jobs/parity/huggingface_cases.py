"""Family of transformers: AutoImageProcessor on the files as they lie on the hub."""

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers import AutoImageProcessor

from jobs.parity.cases import Case, Reference, Tensor
from jobs.parity.identity import write_ir, write_json

HALF = [0.5, 0.5, 0.5]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

PROCESSORS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "ViT, size as a number": ("vit", {
        "feature_extractor_type": "ViTFeatureExtractor", "do_normalize": True, "do_resize": True,
        "image_mean": HALF, "image_std": HALF, "resample": 2, "size": 224}),
    "ViT, height and width": ("vit", {
        "image_processor_type": "ViTImageProcessor", "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": HALF, "image_std": HALF, "resample": 2,
        "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224}}),
    "Swin, bicubic": ("swin", {
        "feature_extractor_type": "ViTFeatureExtractor", "do_normalize": True, "do_resize": True,
        "image_mean": MEAN, "image_std": STD, "resample": 3, "size": 224}),
    "ViT, not square": ("vit", {
        "image_processor_type": "ViTImageProcessor", "image_mean": HALF, "image_std": HALF,
        "resample": 3, "size": {"height": 160, "width": 288}}),
    "ViTFast": ("vit", {
        "image_processor_type": "ViTImageProcessorFast", "image_mean": HALF, "image_std": HALF,
        "resample": 2, "size": {"height": 224, "width": 224}}),
    "ConvNeXT 224, crop_pct": ("convnext", {
        "feature_extractor_type": "ConvNextFeatureExtractor", "crop_pct": 0.875, "resample": 3,
        "do_normalize": True, "do_resize": True, "image_mean": MEAN, "image_std": STD,
        "size": 224}),
    "ResNet, shortest_edge by ConvNeXT": ("resnet", {
        "image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.95, "resample": 3,
        "do_rescale": True, "image_mean": MEAN, "image_std": STD, "size": {"shortest_edge": 224}}),
    "ConvNeXT 384": ("convnext", {
        "image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.875, "resample": 3,
        "image_mean": MEAN, "image_std": STD, "size": {"shortest_edge": 384}}),
    "MobileNetV1": ("mobilenet_v1", {
        "image_processor_type": "MobileNetV1ImageProcessor", "crop_size": {"height": 192,
        "width": 192}, "do_center_crop": True, "do_resize": True, "image_mean": HALF,
        "image_std": HALF, "resample": 2, "size": {"shortest_edge": 222}}),
    "MobileNetV2": ("mobilenet_v2", {
        "feature_extractor_type": "MobileNetV2FeatureExtractor", "crop_size": {"height": 224,
        "width": 224}, "do_center_crop": True, "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": HALF, "image_std": HALF, "resample": 2,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}}),
    "BEiT, no crop": ("beit", {
        "feature_extractor_type": "BeitFeatureExtractor", "crop_size": 224, "resample": 2,
        "do_center_crop": False, "do_normalize": True, "do_resize": True, "image_mean": HALF,
        "image_std": HALF, "size": 224}),
    "BEiT, squashed, then cropped": ("beit", {
        "image_processor_type": "BeitImageProcessor", "crop_size": {"height": 224, "width": 224},
        "do_center_crop": True, "resample": 3, "image_mean": HALF, "image_std": HALF,
        "size": {"height": 256, "width": 256}}),
    "DeiT": ("deit", {
        "feature_extractor_type": "DeiTFeatureExtractor", "crop_size": 224, "resample": 3,
        "do_center_crop": True, "do_normalize": True, "do_resize": True, "image_mean": MEAN,
        "image_std": STD, "size": 256}),
    "LeViT": ("levit", {
        "feature_extractor_type": "LevitFeatureExtractor", "do_center_crop": True, "resample": 3,
        "do_normalize": True, "do_resize": True, "image_mean": MEAN, "image_std": STD,
        "size": {"shortest_edge": 224}}),
    "BiT": ("bit", {
        "image_processor_type": "BitImageProcessor", "crop_size": {"height": 448, "width": 448},
        "do_center_crop": True, "do_convert_rgb": True, "image_mean": HALF, "image_std": HALF,
        "resample": 2, "size": {"shortest_edge": 448}}),
    "CLIP": ("clip", {
        "feature_extractor_type": "CLIPFeatureExtractor", "crop_size": 224, "resample": 3,
        "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "size": 224}),
    "SigLIP": ("siglip", {
        "image_processor_type": "SiglipImageProcessor", "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": HALF, "image_std": HALF, "resample": 3,
        "size": {"height": 224, "width": 224}}),
    "PoolFormer": ("poolformer", {
        "feature_extractor_type": "PoolFormerFeatureExtractor", "crop_pct": 0.9, "resample": 3,
        "crop_size": {"height": 224, "width": 224}, "do_normalize": True,
        "do_resize_and_center_crop": True, "image_mean": MEAN, "image_std": STD,
        "size": {"shortest_edge": 224}}),
    "PVT": ("pvt", {
        "image_processor_type": "PvtImageProcessor", "do_resize": True, "image_mean": MEAN,
        "image_std": STD, "resample": 2, "size": {"height": 224, "width": 224}}),
    "MobileViT, BGR": ("mobilevit", {
        "feature_extractor_type": "MobileViTFeatureExtractor", "crop_size": {"height": 256,
        "width": 256}, "do_center_crop": True, "do_flip_channel_order": True, "do_resize": True,
        "do_rescale": True, "resample": 2, "size": {"shortest_edge": 288}}),
    "EfficientNet, include_top": ("efficientnet", {
        "image_processor_type": "EfficientNetImageProcessor", "do_center_crop": False,
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": MEAN,
        "image_std": [0.47853944, 0.4732864, 0.47434163], "include_top": True, "resample": 0,
        "rescale_factor": 0.00392156862745098, "rescale_offset": False,
        "size": {"height": 224, "width": 224}}),
    "EfficientNet, rescale_offset": ("efficientnet", {
        "image_processor_type": "EfficientNetImageProcessor", "do_center_crop": True,
        "crop_size": {"height": 200, "width": 200}, "image_mean": [0.0] * 3, "image_std": [1.0] * 3,
        "include_top": False, "resample": 3, "rescale_factor": 0.00784313725490196,
        "rescale_offset": True, "size": {"height": 224, "width": 224}}),
    "ViT, no normalisation": ("vit", {
        "image_processor_type": "ViTImageProcessor", "do_normalize": False, "resample": 1,
        "size": {"height": 224, "width": 224}}),
    "CLIP, no resize, crop only": ("clip", {
        "image_processor_type": "CLIPImageProcessor", "do_resize": False, "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224}, "image_mean": HALF, "image_std": HALF}),
    "SegFormer, size as a number": ("segformer", {
        "feature_extractor_type": "SegformerFeatureExtractor", "do_normalize": True, "resample": 2,
        "do_resize": True, "image_mean": MEAN, "image_std": STD, "reduce_labels": False,
        "size": 224}),
    "SegFormer, which does not crop": ("segformer", {
        "image_processor_type": "SegformerImageProcessor", "do_center_crop": True,
        "crop_size": {"height": 192, "width": 192}, "size": {"height": 224, "width": 224}}),
    "BLIP, size as a number": ("blip", {
        "image_processor_type": "BlipImageProcessor", "resample": 3, "size": 224}),
    "ViT, size as a list": ("vit", {
        "image_processor_type": "ViTImageProcessor", "resample": 2, "size": [160, 288]}),
    "ViT, nulls": ("vit", {
        "image_processor_type": "ViTImageProcessor", "do_normalize": None, "image_mean": None,
        "image_std": None, "crop_size": None, "do_center_crop": None,
        "size": {"height": 224, "width": 224}}),
    "ViT, default_to_square false": ("vit", {
        "image_processor_type": "ViTImageProcessor", "default_to_square": False, "size": 256,
        "do_center_crop": True, "crop_size": 224}),
    "CLIP, use_square_size": ("clip", {
        "image_processor_type": "CLIPImageProcessor", "use_square_size": True, "crop_size": 192,
        "size": {"shortest_edge": 224}}),
    "CLIP, shortest and longest edge": ("clip", {
        "image_processor_type": "CLIPImageProcessor", "crop_size": 224,
        "size": {"shortest_edge": 224, "longest_edge": 288}}),
    "PP-LCNet, BGR": ("pp_lcnet", {
        "image_processor_type": "PPLCNetImageProcessor", "resize_short": 256, "crop_size": 224,
        "image_mean": [0.406, 0.456, 0.485], "image_std": [0.225, 0.224, 0.229]}),
    "PP-LCNet, size_divisor": ("pp_lcnet", {
        "image_processor_type": "PPLCNetImageProcessor", "resize_short": 222, "crop_size": 192,
        "size_divisor": 14}),
    "DINOv3": ("dinov3_vit", {
        "image_processor_type": "DINOv3ViTImageProcessorFast", "resample": 2,
        "size": {"height": 224, "width": 224}}),
    "TextNet, with a crop": ("textnet", {
        "image_processor_type": "TextNetImageProcessor", "size": {"shortest_edge": 222},
        "do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "size_divisor": 14}),
    "Donut": ("donut-swin", {
        "image_processor_type": "DonutImageProcessor", "size": {"height": 224, "width": 224}}),
    "Donut, size as a list": ("donut-swin", {
        "feature_extractor_type": "DonutFeatureExtractor", "do_pad": True, "do_thumbnail": True,
        "do_align_long_axis": False, "resample": 3, "size": [160, 288]}),
    "Perceiver": ("perceiver", {
        "feature_extractor_type": "PerceiverFeatureExtractor", "crop_size": 256, "resample": 3,
        "do_center_crop": True, "size": 224}),
    "EfficientNet, include_top alone": ("efficientnet", {
        "image_processor_type": "EfficientNetImageProcessor", "do_normalize": False,
        "include_top": True, "image_std": STD, "size": {"height": 224, "width": 224}}),
    "MobileViT, which does not normalise": ("mobilevit", {
        "image_processor_type": "MobileViTImageProcessor", "do_normalize": True,
        "image_mean": MEAN, "image_std": STD, "crop_size": 224, "size": {"shortest_edge": 256}}),
    "PoolFormer, not square": ("poolformer", {
        "image_processor_type": "PoolFormerImageProcessor", "crop_pct": 0.9,
        "crop_size": {"height": 160, "width": 288}, "size": {"height": 160, "width": 288}}),
    "no type, vit": ("vit", {"image_mean": HALF, "image_std": HALF, "resample": 2, "size": 224}),
    "no type, swin": ("swin", {"image_mean": MEAN, "image_std": STD, "resample": 3, "size": 224}),
    "no type, resnet": ("resnet", {"image_mean": MEAN, "resample": 3, "size": 224}),
    "no type, dinov2": ("dinov2", {"crop_size": 224, "size": {"shortest_edge": 256}}),
    "no type, segformer": ("segformer", {"size": 224}),
}  # fmt: skip
"""(model type, preprocessor_config.json) as on the hub, older and newer spellings."""

BARE = {
    "vit": "ViT", "mobilenet_v1": "MobileNetV1", "mobilenet_v2": "MobileNetV2", "beit": "Beit",
    "deit": "DeiT", "levit": "Levit", "bit": "Bit", "clip": "CLIP", "siglip": "Siglip",
    "poolformer": "PoolFormer", "pvt": "Pvt", "mobilevit": "MobileViT",
    "efficientnet": "EfficientNet", "convnext": "ConvNext", "segformer": "Segformer",
    "blip": "Blip", "chinese_clip": "ChineseCLIP", "owlvit": "OwlViT", "tipsv2": "Tipsv2",
    "dinov3_vit": "DINOv3ViT", "pp_lcnet": "PPLCNet", "perceiver": "Perceiver",
}  # fmt: skip
"""Model type → class, for files that say nothing else: every value is the class's default."""

SMALL_SIZES = {
    160: 12, 192: 14, 200: 14, 222: 17, 224: 16, 256: 18, 288: 20, 384: 384, 448: 16,
}  # fmt: skip


def cases(*, small: bool) -> list[Case]:
    """All of them against Pillow's backend; three also against torchvision's, for information."""
    bare = (
        {}
        if small
        else {
            f"{name}, everything by default": (
                kind,
                {"image_processor_type": f"{name}ImageProcessor"},
            )
            for kind, name in BARE.items()
        }
    )
    found = []
    for name, (kind, config) in {**PROCESSORS, **bare}.items():
        values = _shrunk(config) if small else config
        if small and "384" in name:
            continue  # its rule starts at 384 pixels: too large to keep
        write = partial(_write, kind=kind, config=values)
        found.append(Case("transformers", name, write, partial(_open, backend="pil")))
        if not small and name in ("ViTFast", "ConvNeXT 224, crop_pct", "MobileNetV2"):
            found.append(
                Case(
                    "transformers, torchvision backend",
                    name,
                    write,
                    partial(_open, backend="torchvision"),
                    judged=False,
                )
            )
    return found


def _write(folder: Path, kind: str, config: Mapping[str, Any]) -> Path:
    write_json(folder / "preprocessor_config.json", config)
    write_json(folder / "config.json", {"model_type": kind, "architectures": ["Identity"]})
    tensor = _open(folder, "pil")(Image.new("RGB", (50, 50)))
    return write_ir(folder, (tensor.shape[0], tensor.shape[1])).parent


def _open(folder: Path, backend: str) -> Reference:
    process = AutoImageProcessor.from_pretrained(folder, backend=backend)

    def reference(picture: Image.Image) -> Tensor:
        if min(picture.size) == 1 and "Perceiver" in type(process).__name__:
            raise ValueError(
                "the processor cuts nothing out of one pixel's height and stretches that"
            )
        values = process(picture, return_tensors="np")["pixel_values"][0]
        return np.asarray(values, np.float32).transpose(1, 2, 0)

    return reference


def _shrunk(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same processor for a small input."""
    found: dict[str, Any] = copy.deepcopy(dict(config))
    for key in ("size", "crop_size"):
        value = found.get(key)
        if isinstance(value, int):
            found[key] = SMALL_SIZES[value]
        elif isinstance(value, list):
            found[key] = [SMALL_SIZES[edge] for edge in value]
        elif value is not None:
            found[key] = {name: SMALL_SIZES[edge] for name, edge in value.items()}
    return found
