"""Decides which output gives the class scores, among embeddings, features and heads of other kinds.

In this order: the output that the job names; the one with as many values as there are labels; the
one that model_api and Hugging Face call so; the one that ends in a softmax or sigmoid; the one that
all others lead to. What is left is an error that names the outputs: a guess would label every image
with the index of a feature.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchcls.errors import ModelError
from batchcls.model.graph import ending
from batchcls.model.graph.ports import describe_ports, name_of
from batchcls.model.runtime import Model

NAMES = ("raw_scores", "logits", "scores", "probabilities")
"""Preferred among several: model_api's and Hugging Face's. Anything may be called "output"."""

FEATURES = frozenset(
    {
        "feature_vector",
        "saliency_map",
        "embedding",
        "embeddings",
        "image_embeds",
        "image_embedding",
        "features",
        "last_hidden_state",
        "pooler_output",
    }
)
"""Names of what stands beside the scores: model_api's, Geti's, Hugging Face's."""

_WIDTHS = frozenset(
    {128, 192, 256, 320, 384, 512, 576, 640, 768, 960, 1024, 1152, 1280, 1408, 1536, 1792, 1920}
    | {2048, 2560, 3072, 4096}
)
"""Features that backbones give; no usual set of classes has as many."""
_FEATURE_ENDS = frozenset({"NormalizeL2", "MVN", "Relu", "Swish", "HSwish", "Gelu", "Tanh"})


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """The output that gives one score per class.

    Attributes:
        index: among the model's outputs.
        element_type: OpenVINO's name.
        features: it gives features in their place: the model knows no classes.
    """

    index: int
    name: str
    classes: int
    element_type: str
    features: bool = False


def choose(
    model: Model, named: str | None = None, counts: Collection[int] = frozenset()
) -> ScoreOutput:
    """The output that gives one score per class: (N, classes) or (classes), other sizes being 1.

    Args:
        named: by the job: an output's name, or its number from 0.
        counts: how many labels are known; empty = none.

    Raises:
        ModelError: there is none, or nothing tells which of several it is.
    """
    if named is not None:
        return _named(model, named)
    every = [
        candidate
        for index, port in enumerate(model.outputs)
        if (candidate := _as_scores(port, index)) is not None
    ]
    found = [one for one in every if not model.outputs[one.index].get_names() & FEATURES]
    found = found or [one for one in every if one.classes in counts]
    for rule in (_of_count(counts), _larger, _called, _ends_in_probabilities(model), _last(model)):
        if len(found) > 1:
            found = rule(found) or found
    if len(found) == 1:
        return found[0]
    what = "no class scores" if not found else "several outputs that could be class scores"
    raise ModelError(
        f"the model has {what}; expected one output of shape [images, classes], found: "
        f"{_shown(model)}. If one of them is, name it with `--score-output`."
    )


def extractor(model: Model) -> ScoreOutput | None:
    """The output that gives features, of a model that surely gives nothing else; else None.

    Sure is what is called so, or has the length 1. A width alone is none, see `doubt`.
    """
    found = [
        candidate
        for index, port in enumerate(model.outputs)
        if (candidate := _as_scores(port, index)) is not None
    ]
    sure = [
        one
        for one in found
        if model.outputs[one.index].get_names() & FEATURES
        or ending.of(model, one.index).kind == "NormalizeL2"
    ]
    if not found or len(sure) < len(found) or found[0].classes == 1:
        return None
    return replace(found[0], features=True)


def doubt(model: Model, scores: ScoreOutput) -> str:
    """Why an output whose labels nobody knows may be features instead; empty where nothing does."""
    last = ending.of(model, scores.index).kind
    if last in ending.PROBABILITIES:
        return ""
    if scores.classes not in _WIDTHS and last not in _FEATURE_ENDS:
        return ""
    return (
        f"the model's output {scores.name} has {scores.classes} values and ends in {last}: it may "
        "be features, not class scores; `batchcls embed` keeps features, and `--labels` says which "
        "classes they are"
    )


def _named(model: Model, named: str) -> ScoreOutput:
    for index, port in enumerate(model.outputs):
        if named in port.get_names() or named.removeprefix("#") == str(index):
            if (found := _as_scores(port, index)) is not None:
                return found
            raise ModelError(
                f"--score-output {named}: expected a shape of [images, classes], found "
                f"{port.get_partial_shape()}"
            )
    raise ModelError(f"--score-output {named}: the model's outputs are: {_shown(model)}")


def _shown(model: Model) -> str:
    return ", ".join(f"{p['name']} {p['shape']}" for p in describe_ports(model.outputs))


def _as_scores(port: Any, index: int) -> ScoreOutput | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic or shape.rank.get_length() < 1:
        return None
    dims = [None if d.is_dynamic else d.get_length() for d in shape]
    if len(dims) == 1:  # of one image; an open one is of one value for each image
        large = [] if dims == [None] else [d for d in dims if d != 1]
    else:
        large = [d for d in dims[1:] if d != 1]
    if len(large) > 1 or None in large or (not large and len(dims) > 2):
        return None
    known = (name for name in NAMES if name in port.get_names())
    name = next(known, name_of(port, f"#{index}"))
    classes = next(filter(None, large), 1)  # [images, 1]: one class, yes or no
    return ScoreOutput(index, name, classes, port.get_element_type().get_type_name())


Found = Sequence[ScoreOutput]


def _larger(found: Found) -> list[ScoreOutput]:
    """Not a single value, where another has several."""
    return [one for one in found if one.classes > 1]


def _of_count(counts: Collection[int]) -> Any:
    def rule(found: Found) -> list[ScoreOutput]:
        return [one for one in found if one.classes in counts]

    return rule


def _called(found: Found) -> list[ScoreOutput]:
    return next(([one] for name in NAMES for one in found if one.name == name), [])


def _ends_in_probabilities(model: Model) -> Any:
    def rule(found: Found) -> list[ScoreOutput]:
        return [one for one in found if ending.of(model, one.index).kind in ending.PROBABILITIES]

    return rule


def _last(model: Model) -> Any:
    """The ones that no other is made of: features lead to scores, never the reverse."""

    def rule(found: Found) -> list[ScoreOutput]:
        sources = {one.index: _source(model, one) for one in found}
        before = {one.index: _ancestors(sources[one.index].get_node()) for one in found}
        return [
            one
            for one in found
            if not any(
                sources[one.index].get_node().get_name() in before[other.index]
                for other in found
                if other.index != one.index
            )
        ]

    return rule


def _source(model: Model, scores: ScoreOutput) -> Any:
    return model.outputs[scores.index].get_node().input_value(0)


def _ancestors(node: Any) -> set[str]:
    """Names of all operations that a node is made of, itself left out."""
    seen: set[str] = set()
    waiting = [value.get_node() for value in node.input_values()]
    while waiting:
        one = waiting.pop()
        if one.get_name() not in seen:
            seen.add(one.get_name())
            waiting += [value.get_node() for value in one.input_values()]
    return seen
