"""Owns the table of ImageNet's 1,000 classes (ILSVRC 2012): WordNet id, names, a label for each."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

TABLE = Path(__file__).resolve().parent / "imagenet_classes.txt"
"""One class a line, in the order of the ids, which is that of every model: ``n01440764 tench, Tinca
tinca``. `--labels` reads it too."""

_SHORT: Mapping[str, str] = {
    "n02012849": "crane (bird)",
    "n03126707": "crane (machine)",
    "n02113186": "Cardigan Welsh corgi",
    "n03710721": "tank suit",
}
"""Labels of classes whose first name another class has too, letter case aside."""


@cache
def names() -> Mapping[str, str]:
    """WordNet id → all names of the class, separated by commas, in the order of the indices."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return {wordnet: all_names for wordnet, _, all_names in (line.partition(" ") for line in lines)}


def short_labels() -> tuple[str, ...]:
    """A label for each class, by index: its first name, none twice, none with a comma."""
    return tuple(
        _SHORT.get(wordnet, all_names.partition(",")[0]) for wordnet, all_names in names().items()
    )
