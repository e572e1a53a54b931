"""Decides by a run's own images which of the plausible preprocessings it takes.

Where a model says nothing, a guess is improved by evidence: the plausible channel orders and
normalisations are tried on some of the images, the same resize for all, and what cannot be told
from the best gives way to what is more usual.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Self

import numpy as np

from batchcls.errors import DeviceError
from batchcls.images import Picture
from batchcls.job.job import Job
from batchcls.job.threads import Threads
from batchcls.model.compile import load
from batchcls.model.devices import core as cores
from batchcls.model.graph import edits, int8
from batchcls.model.graph.activation import Activation
from batchcls.model.metadata.guesses import Candidate
from batchcls.model.preprocess import spatial
from batchcls.model.preprocess.preprocess import Preprocess, resolve
from batchcls.model.ranking import Draws, level
from batchcls.model.runtime import CompiledModel

FEWEST_IMAGES = 24
STEP = 24
"""Images after which those that are surely not the best are left out."""

SECONDS = 20.0
_DEVICE = "CPU"
"""Whatever the run's own is: the figures of all are alike, and it compiles in no time."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Attributes:
        name: of the candidate.
        images: it was chosen by; 0 = by none, it is the most usual.
        words: how it was chosen, a sentence for people.
    """

    name: str
    images: int
    words: str


@dataclass(frozen=True, slots=True)
class _Way:
    """One of them at work, and what it answered so far, (classes,) for each image."""

    candidate: Candidate
    model: CompiledModel
    activation: Activation
    scores: list[Any] = field(default_factory=list)

    def see(self, pixels: Any) -> None:
        raw = self.model(np.ascontiguousarray(pixels)[None])[0][0]
        self.scores.append(self.activation.apply(np.array(raw, np.float32)))


class Choosing:
    """The plausible preprocessings of a model, ready to be tried on pictures.

    Args:
        job: names the model; its preprocessing is a guess.

    Attributes:
        needs: (width, height) of the smallest picture that serves.

    Raises:
        BatchclsError: the model cannot be loaded, as `Classifier.open`.
    """

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The same, from `Job.as_dict`."""
        return cls(Job.from_dict(options))

    def __init__(self, job: Job) -> None:
        self._begun = monotonic()
        job = replace(job, device=(_DEVICE,))
        core = cores.open_core(job)
        properties = cores.properties(job, Threads(), [_DEVICE])
        cores.configure(core, properties)
        loaded = load.load(job, core)
        pre = loaded.metadata.pre
        self._pre = replace(pre, reverse_input_channels=False)
        edits.set_shape(loaded.model, loaded.image, loaded.scores, pre.height, pre.width, 1)
        int8.choose(core, loaded.model, properties, job.int8)
        self._ways: list[_Way] = []
        for name in loaded.metadata.plausible:
            candidate = Candidate.named(name)
            model = edits.connect(loaded.model, loaded.image, loaded.scores, _with(candidate, pre))
            try:
                compiled = core.compile_model(model, _DEVICE)
            except RuntimeError as error:
                raise DeviceError(f"device {_DEVICE}: {cores.reason(error)}") from error
            self._ways.append(_Way(candidate, compiled, loaded.metadata.activation))
        height, width = pre.resize_to or (pre.height, pre.width)
        self.needs = width, height

    def choose(self, pictures: Iterable[Picture]) -> Choice:
        """Try all of them on these pictures, in bounded time.

        Args:
            pictures: a hundred or so, of different classes.
        """
        left, late, images = list(self._ways), False, 0
        for picture in pictures:
            pixels = spatial.prepare(picture, self._pre)
            for way in left:
                way.see(pixels[:, :, ::-1] if way.candidate.rgb else pixels)
            images += 1
            if images % STEP == 0:
                left = _best_of(left)
            late = monotonic() - self._begun > SECONDS
            if late or (len(left) == 1 and images >= FEWEST_IMAGES):
                break
        if images < FEWEST_IMAGES:
            return self._too_few(images, late=late)
        return self._told(_best_of(left), images)

    def _too_few(self, images: int, *, late: bool) -> Choice:
        where = f"in {SECONDS:g} s" if late else "of this run"
        return Choice(
            self._ways[0].candidate.name,
            0,
            f"too few images {where} could be tried to tell what fits ({images} of at least "
            f"{FEWEST_IMAGES}); the usual guess is taken",
        )

    def _told(self, left: Sequence[_Way], images: int) -> Choice:
        chosen, *others = (way.candidate for way in left)
        seconds = max(1, round(monotonic() - self._begun))
        tried = (
            f"{len(self._ways)} plausible preprocessings were tried on {images} of the images "
            f"({seconds} s): {chosen.words}"
        )
        if not others:
            return Choice(chosen.name, images, f"{tried}, fits best")
        alike = " and from ".join(other.words for other in others)
        words = f"{tried}, cannot be told from {alike}; it is the more usual one"
        return Choice(chosen.name, images, words)


def _best_of(ways: Sequence[_Way]) -> list[_Way]:
    """Those that the images do not tell from the best, the most usual first."""
    draws = Draws(len(ways[0].scores))
    worths = [
        draws.worth(np.stack(way.scores).astype(np.float64), [None] * len(way.scores))
        for way in ways
    ]
    return [ways[n] for n in sorted(level(worths)[1])]


def _with(candidate: Candidate, pre: Preprocess) -> Preprocess:
    numbers = resolve(candidate.settings, pre.height, pre.width, pre.channels)
    return replace(pre, mean_values=numbers.mean_values, scale_values=numbers.scale_values)
