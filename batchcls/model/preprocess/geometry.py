"""The steps that bring an image of one size to the model's input: cut, resize, place. Pure.

Rounding follows the reference of each family, since one pixel moves every value after it.
"""

from dataclasses import dataclass

from batchcls.model.preprocess import resample
from batchcls.model.preprocess.preprocess import Preprocess

LARGEST_SQUARE = 1 << 26
"""Pixels of a square that is made around a picture: 8,192 x 8,192, 200 MB."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The steps for one image size: cut, resize, then place on the canvas.

    Attributes:
        source: (left, top, width, height) of what is cut out of the image first; a border is added
            where it reaches over the image's edges.
        size: (width, height) it is resized to.
        offset: (left, top) of the canvas's corner in the resized picture; negative where the
            canvas is larger and a border is added.
        first: (width, height) it is resized to before that; None = straight to `size`.
    """

    source: tuple[int, int, int, int]
    size: tuple[int, int]
    offset: tuple[int, int]
    first: tuple[int, int] | None = None


def geometry(pre: Preprocess, width: int, height: int) -> Geometry:
    """The steps for an image of this size.

    Rounding follows the reference of each family, since one pixel moves every value after it:
    torchvision's Resize truncates the long edge, its CenterCrop rounds half to even, timm's
    ResizeKeepRatio rounds, model_api rounds the fitted size.

    Args:
        width: of the image, pixels, at least 1.
        height: likewise.
    """
    whole = (0, 0, width, height)
    target = (pre.width, pre.height)
    box = pre.resize_to or (pre.height, pre.width)
    match pre.resize_type:
        case "crop" | "centre_fraction" | "centre_square":
            return Geometry(_cut(pre, box, width, height), target, (0, 0))
        case "fit_to_window" | "fit_to_window_letterbox":
            scale = min(pre.width / width, pre.height / height)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            if pre.resize_type == "fit_to_window":
                return Geometry(whole, size, (0, 0))
            return Geometry(
                whole, size, (-((pre.width - size[0]) // 2), -((pre.height - size[1]) // 2))
            )
        case "shortest_edge":
            size = _shortest_edge(pre, box, width, height)
            return Geometry(whole, size, _centre(pre, size))
        case "thumbnail":
            return _thumbnail(pre, box, width, height)
        case "crop_only":
            return Geometry(whole, (width, height), _centre(pre, (width, height)))
        case "pad_to_square":
            return _padded(pre, width, height)
        case "squash":
            size = (box[1], box[0])
            return Geometry(whole, size, _centre(pre, size))
        case "border":
            ratio = max(height / box[0], width / box[1])
            size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
            return Geometry(whole, size, _centre(pre, size))
        case _:
            return Geometry(whole, target, (0, 0))


def _padded(pre: Preprocess, width: int, height: int) -> Geometry:
    """A square around the image, its larger half of a border right and below, then stretched.

    A square that OpenCV would have to be given whole, of hundreds of megabytes, is not made: then
    the picture is resized first, which moves it by less than a pixel of the input.
    """
    side = max(width, height)
    if side * side <= LARGEST_SQUARE or pre.interpolation in resample.FILTERS:
        left, top = (side - width) // 2, (side - height) // 2
        return Geometry((-left, -top, side, side), (pre.width, pre.height), (0, 0))
    size = (max(1, round(width * pre.width / side)), max(1, round(height * pre.height / side)))
    offset = (-((pre.width - size[0]) // 2), -((pre.height - size[1]) // 2))
    return Geometry((0, 0, width, height), size, offset)


def _cut(
    pre: Preprocess, box: tuple[int, int], width: int, height: int
) -> tuple[int, int, int, int]:
    """(left, top, width, height) of the part that is stretched to the target."""
    if pre.resize_type == "crop":
        return _cut_to_aspect(pre, width, height)
    if pre.resize_type == "centre_fraction":
        return _cut_fraction(pre, width, height)
    return _cut_square(pre, box, width, height)


def _cut_to_aspect(pre: Preprocess, width: int, height: int) -> tuple[int, int, int, int]:
    """model_api's "crop": the largest centred piece that has the target's aspect ratio."""
    wanted = pre.width / pre.height
    if width > height * wanted:
        cut = max(1, int(height * wanted))
        return (width - cut) // 2, 0, cut, height
    cut = max(1, int(width / wanted))
    return 0, (height - cut) // 2, width, cut


def _cut_fraction(pre: Preprocess, width: int, height: int) -> tuple[int, int, int, int]:
    """TensorFlow's `central_crop`: the same margin off either side."""
    share = pre.crop_pct or 1.0
    left = int((width - width * share) / 2)
    top = int((height - height * share) / 2)
    return left, top, width - 2 * left, height - 2 * top


def _cut_square(
    pre: Preprocess, box: tuple[int, int], width: int, height: int
) -> tuple[int, int, int, int]:
    """Perceiver's crop: the share target / resize_to of the shorter edge, both ways."""
    edge = min(width, height)
    cut = max(1, int(pre.width / box[1] * edge)), max(1, int(pre.height / box[0] * edge))
    return (width - cut[0]) // 2, (height - cut[1]) // 2, *cut


def _thumbnail(pre: Preprocess, box: tuple[int, int], width: int, height: int) -> Geometry:
    """Donut's two steps: the shortest edge as the box's, then reduced until it fits into it."""
    first = _shortest_edge(pre, (min(box), min(box)), width, height)
    across, down = min(first[0], box[1]), min(first[1], box[0])
    if (across, down) != first and first[1] > first[0]:
        across = max(1, int(first[0] * down / first[1]))
    elif (across, down) != first and first[0] > first[1]:
        down = max(1, int(first[1] * across / first[0]))
    left, top = (pre.width - across) // 2, (pre.height - down) // 2
    return Geometry((0, 0, width, height), (across, down), (-left, -top), first)


def _shortest_edge(
    pre: Preprocess, box: tuple[int, int], width: int, height: int
) -> tuple[int, int]:
    if box[0] == box[1]:
        long = _long_edge(pre, box[0], min(width, height), max(width, height))
        if pre.resize_rounding == "by_long_edge":
            scale = min(long / max(width, height), box[0] / min(width, height))
            short, long = (int(edge * scale + 0.5) for edge in sorted((width, height)))
            return (short, long) if width <= height else (long, short)
        short, long = _limited(pre, box[0], long, width, height)
        short, long = (_multiple(pre, edge) for edge in (short, long))
        return (short, long) if width <= height else (long, short)
    ratio = min(height / box[0], width / box[1])  # timm's ResizeKeepRatio
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _long_edge(pre: Preprocess, edge: int, short: int, long: int) -> int:
    """Torchvision and transformers truncate it; Paddle rounds, from a scale computed first."""
    if pre.resize_rounding == "nearest":
        return max(1, round(long * (edge / short)))
    return max(1, int(edge * long / short))


def _limited(pre: Preprocess, short: int, long: int, width: int, height: int) -> tuple[int, int]:
    """Both edges where the long one is limited, as transformers rounds them then."""
    limit, small, large = pre.resize_limit, min(width, height), max(width, height)
    if limit is None or large / small * short <= limit:
        return short, long
    exact = limit * small / large
    if round(exact) == small:
        return small, large  # it is left as it is
    return max(1, round(exact)), max(1, int(exact * large / small))


def _multiple(pre: Preprocess, edge: int) -> int:
    return -(-edge // pre.resize_multiple) * pre.resize_multiple


def _centre(pre: Preprocess, size: tuple[int, int]) -> tuple[int, int]:
    """Offset of a centred crop, (left, top); negative where a border must be added."""
    return _margin(pre, size[0] - pre.width), _margin(pre, size[1] - pre.height)


def _margin(pre: Preprocess, spare: int) -> int:
    """Half the spare pixels of an axis, as the reference rounds it.

    transformers: floor(spare / 2), which also puts the larger part of a border to the left.
    torchvision and timm: round(spare / 2), half to even; of a border the smaller part is left.
    MMDeploy: half up.
    """
    if pre.crop_rounding == "floor":
        return spare // 2
    if pre.crop_rounding == "up":
        return -(-spare // 2)
    return round(spare / 2) if spare >= 0 else -(-spare // 2)
