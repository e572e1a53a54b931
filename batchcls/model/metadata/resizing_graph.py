"""What follows from a graph that resizes by itself, and what of that is a guess. Pure."""

from collections.abc import Mapping

from batchcls.model.graph.own_resize import OwnWork
from batchcls.model.preprocess.settings import Settings

ORIGIN = "the graph, which resizes"
GUESS = (
    "the model resizes images by itself, so they go in at their own size, as {how}: that is a "
    "guess from its graph. If it is wrong, give `--reverse-input-channels`, `--mean-values` and "
    "`--scale-values`."
)


def settings(found: OwnWork | None) -> Settings:
    """Images go in as they are, in the numbers that the graph normalises if it does.

    Args:
        found: what the graph does to images; None where it does not resize them.
    """
    if found is None:
        return Settings()
    if not found.normalises:
        return Settings(resize_type="embedded")
    return Settings(
        resize_type="embedded",
        reverse_input_channels=not found.bgr,
        mean_values=(),
        scale_values=(255.0,) if found.unit else (),
    )


def guesses(settings: Settings, origins: Mapping[str, str]) -> list[str]:
    """What was taken from the graph without being said: the order of channels, and numbers.

    Where it does not normalise, that is guessed as for any other model.
    """
    if ORIGIN not in {origins.get(key) for key in ("reverse_input_channels", "mean_values")}:
        return []
    order = "RGB" if settings.reverse_input_channels else "BGR"
    highest = 1 if settings.scale_values == (255.0,) and not settings.mean_values else 255
    return [GUESS.format(how=f"{order}, 0 to {highest}")]
