"""What is plausible for a model that does not say how its images are preprocessed. Pure.

The one place for it: the most usual is what is taken where nothing else is known, all are what a
run's trial decides among, and what `inspect --probe` ranks.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from batchcls.errors import ModelError
from batchcls.model.metadata.presets import for_gray
from batchcls.model.metadata.timm import IMAGENET_MEAN_255, IMAGENET_STD_255
from batchcls.model.preprocess.preprocess import SAMPLE_DEFAULT
from batchcls.model.preprocess.settings import Settings

Family = Literal["torch", "tensorflow", "sample"]
Numbers = Literal["none", "0..1", "-1..1", "ImageNet", "Caffe"]

NORMALISATIONS: Mapping[Numbers, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "none": ((), ()),
    "0..1": ((), (255.0, 255.0, 255.0)),
    "-1..1": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "ImageNet": (IMAGENET_MEAN_255, IMAGENET_STD_255),
    "Caffe": ((123.0, 117.0, 104.0), ()),
}
"""(mean, scale) in RGB order."""

_NUMBERS_IN_WORDS: Mapping[Numbers, str] = {
    "none": "not normalised",
    "0..1": "scaled to 0..1",
    "-1..1": "scaled to -1..1",
    "ImageNet": "ImageNet's mean and std",
    "Caffe": "Caffe's mean subtracted",
}

STRETCH = Settings(resize_type="standard", interpolation="linear")
SHORTEST_EDGE = Settings(
    resize_type="shortest_edge", crop_pct=0.875, interpolation="pillow_bilinear"
)
CENTRE_FRACTION = Settings(resize_type="centre_fraction", crop_pct=0.875, interpolation="linear")

ORIGINS: Mapping[Family, str] = {
    "torch": "a guess: usual for models from torch",
    "tensorflow": "a guess: usual for models from TensorFlow",
    "sample": SAMPLE_DEFAULT,
}
FITS = "a guess: what fits the images best"


KEPT = (
    "this model's preprocessing was guessed when the model was written, and nobody has said since "
    "that it is right: {how}. A wrong guess costs accuracy; `batchcls inspect MODEL --probe DIR` "
    "finds out for the original what fits."
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a model's format and graph tell.

    Attributes:
        family: whose habits are likely; "sample" for formats that any program may have written.
        channels: of its input, 1 or 3.
        floating: its input takes numbers; others take pixels.
        inside: what the arithmetic on pixels at the start of its graph takes, "none" (pixels) or
            "0..1"; None where there is no such arithmetic.
        bgr: the means in it are those of blue, green and red.
        imagenet: it has as many classes as ImageNet.
    """

    family: Family
    channels: int = 3
    floating: bool = True
    inside: Numbers | None = None
    bgr: bool = False
    imagenet: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One plausible channel order and normalisation.

    Attributes:
        rgb: channel order; None for gray models.
        numbers: one of `NORMALISATIONS`.
    """

    rgb: bool | None
    numbers: Numbers

    @classmethod
    def named(cls, name: str) -> Self:
        """The one of this name."""
        order, _, numbers = name.rpartition(", ")
        known = next(one for one in NORMALISATIONS if one == numbers)
        return cls({"RGB": True, "BGR": False}.get(order), known)

    @property
    def name(self) -> str:
        """Short, for tables and manifests: "RGB, ImageNet"."""
        return ", ".join(filter(None, (self.order, self.numbers)))

    @property
    def words(self) -> str:
        """For sentences: "RGB, ImageNet's mean and std"."""
        return ", ".join(filter(None, (self.order, _NUMBERS_IN_WORDS[self.numbers])))

    @property
    def settings(self) -> Settings:
        """Order, mean and scale, in the model's channel order."""
        mean, scale = NORMALISATIONS[self.numbers]
        if self.rgb is None:
            return for_gray(Settings(mean_values=mean, scale_values=scale))
        step = 1 if self.rgb else -1
        return Settings(
            reverse_input_channels=self.rgb, mean_values=mean[::step], scale_values=scale[::step]
        )

    @property
    def order(self) -> str:
        """RGB, BGR, or "" for gray models."""
        return "" if self.rgb is None else "RGB" if self.rgb else "BGR"


_COLOUR: Mapping[Family, tuple[str, ...]] = {
    # torchvision, timm and most of the hub; TensorFlow's models converted to torch; torch's
    # ToTensor alone; normalisation in the graph; OpenCV pipelines; Caffe's descendants.
    "torch": ("RGB, ImageNet", "RGB, -1..1", "RGB, 0..1", "RGB, none", "BGR, none", "BGR, Caffe"),
    # TensorFlow decodes to RGB, and what it saves keeps that order, but for Keras's ResNets and
    # VGGs. Most other Keras models that do not normalise by themselves take -1..1.
    "tensorflow": ("RGB, none", "RGB, -1..1", "RGB, 0..1", "RGB, ImageNet", "BGR, Caffe"),
    "sample": ("BGR, none", "RGB, ImageNet", "RGB, -1..1", "RGB, 0..1", "RGB, none", "BGR, Caffe"),
}
_GRAY: Mapping[Family, tuple[Numbers, ...]] = {
    "torch": ("0..1", "-1..1", "ImageNet", "none"),
    "tensorflow": ("none", "0..1", "-1..1", "ImageNet"),
    "sample": ("none", "0..1", "-1..1", "ImageNet"),
}


def candidates(kind: Kind) -> tuple[Candidate, ...]:
    """Plausible channel orders and normalisations of a kind of model, the most usual first."""
    if kind.channels == 1:
        found = [Candidate(None, numbers) for numbers in _GRAY[kind.family]]
    else:
        found = [Candidate.named(name) for name in _COLOUR[kind.family]]
    if kind.family == "tensorflow" and kind.imagenet:
        found.sort(key=lambda candidate: candidate.numbers != "-1..1")
    fixed = _fixed(kind)
    if fixed is None:
        return tuple(found)
    if kind.inside is not None and kind.bgr:
        found.sort(key=lambda candidate: candidate.rgb is True)
    return tuple(dict.fromkeys(Candidate(one.rgb, fixed) for one in found if _keeps(one, kind)))


def thinkable(kind: Kind) -> tuple[Candidate, ...]:
    """The plausible ones and all others that there are, the most usual first."""
    found, fixed = candidates(kind), _fixed(kind)
    if kind.channels == 1:
        return found
    numbers = NORMALISATIONS if fixed is None else (fixed,)
    others = (Candidate(rgb, one) for one in numbers for rgb in (True, False))
    return tuple(dict.fromkeys((*found, *others)))


def _fixed(kind: Kind) -> Numbers | None:
    """The numbers that are settled; what is left then is the order."""
    return kind.inside or (None if kind.floating else "none")


def resizes(kind: Kind) -> tuple[Settings, ...]:
    """Plausible ways of resizing, the most usual first."""
    if kind.family == "torch" and kind.channels == 3:
        return SHORTEST_EDGE, STRETCH, CENTRE_FRACTION
    return STRETCH, SHORTEST_EDGE, CENTRE_FRACTION


def in_words(resize: Settings) -> str:
    """A way of resizing, for sentences."""
    return {
        "standard": "stretched",
        "shortest_edge": "shortest edge and centre crop",
        "centre_fraction": "centre crop and stretched",
    }[str(resize.resize_type)]


def _keeps(candidate: Candidate, kind: Kind) -> bool:
    """Caffe's order goes with Caffe's mean: it says nothing about TensorFlow's other models."""
    return kind.family != "tensorflow" or candidate.numbers != "Caffe"


def pick(plausible: Sequence[Candidate], name: str) -> Candidate:
    """The candidate of this name; "" is the most usual.

    Raises:
        ModelError: there is none.
    """
    if not name:
        return plausible[0]
    found = next((candidate for candidate in plausible if candidate.name == name), None)
    if found is None:
        known = "; ".join(candidate.name for candidate in plausible)
        raise ModelError(f"the preprocessing {name!r} is none that is guessed here: {known}")
    return found


def kept(settings: Settings, origins: Mapping[str, str], written: Collection[str]) -> list[str]:
    """What an earlier command guessed and wrote into the model; a word about it settles it.

    Args:
        settings: merged.
        origins: who said what.
        written: origins that an earlier command's guess can have.
    """
    said = [origins.get(key) for key in ("reverse_input_channels", "mean_values", "scale_values")]
    if not settings.guessed or any(origin not in written for origin in said):
        return []
    mean, scale = (
        " ".join(f"{value:g}" for value in values or ()) or "none"
        for values in (settings.mean_values, settings.scale_values)
    )
    order = "RGB" if settings.reverse_input_channels else "BGR"
    return [KEPT.format(how=f"{settings.resize_type}, {order}, mean {mean}, scale {scale}")]
