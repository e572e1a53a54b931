"""Reads which of a model's classes a user means: one in a line, by name or by number.

A name is a label, or one of the synonyms of a label ("tench" of "tench, Tinca tinca"). Whole labels
go before synonyms, exact spelling before any, and names before numbers: labels may be numbers.
"""

import difflib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batchcls.errors import LabelsError

MOST_NAMED = 5
"""Wrong lines that a message tells of."""

Meaning = Mapping[str, Sequence[int]]
"""Name → the classes that are called so."""


def read(path: Path, option: str, labels: Sequence[str]) -> tuple[int, ...]:
    """The classes in a file, by number, each once, in order.

    Args:
        option: that names the file, for messages.
        labels: of the model.

    Raises:
        LabelsError: the file cannot be read, or names what is no class, or more than one.
    """
    name = f"{option} {path}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise LabelsError(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LabelsError(f"{name}: not UTF-8 text (byte {error.start})") from error
    lines = {line.strip(): number for number, line in enumerate(text.split("\n"), 1)}
    lines.pop("", None)
    if not lines:
        raise LabelsError(f"{name} names no class; write one in a line, by label or by index")
    known = meanings(labels)
    found: set[int] = set()
    wrong: list[str] = []
    for line, number in lines.items():
        classes = _classes(line, known, len(labels))
        found.update(classes[:1])
        if len(classes) != 1 and len(wrong) < MOST_NAMED:
            why = _ambiguous(classes, labels) if classes else _unknown(line, known, labels)
            wrong.append(f"line {number}: {line[:100]!r} {why}")
    if wrong:
        raise LabelsError(f"{name}: " + "\n  ".join(wrong))
    return tuple(sorted(found))


def meanings(labels: Sequence[str]) -> tuple[Meaning, ...]:
    """What may be meant by a name, the surest first."""
    forms: tuple[Callable[[str], Sequence[str]], ...] = (
        lambda label: (label,),
        lambda label: (label.casefold(),),
        lambda label: [part.strip().casefold() for part in label.split(",")],
    )
    found = []
    for form in forms:
        known: defaultdict[str, list[int]] = defaultdict(list)
        for index, label in enumerate(labels):
            for name in dict.fromkeys(form(label)):
                known[name].append(index)
        found.append(known)
    return tuple(found)


def _classes(line: str, known: Sequence[Meaning], count: int) -> Sequence[int]:
    """The classes that a line may mean: one, if it is clear."""
    exact, *others = known
    for meaning, name in ((exact, line), *((other, line.casefold()) for other in others)):
        if name in meaning:
            return meaning[name]
    number = int(line) if line.isdecimal() and len(line) < 10 else count
    return (number,) if number < count else ()


def _ambiguous(classes: Sequence[int], labels: Sequence[str]) -> str:
    shown = ", ".join(f"{index} ({labels[index][:100]})" for index in classes[:4])
    return f"may be any of the classes {shown}; write the index of the one you mean"


def _unknown(line: str, known: Sequence[Meaning], labels: Sequence[str]) -> str:
    names = {name: labels[classes[0]] for meaning in known for name, classes in meaning.items()}
    near = difflib.get_close_matches(line.casefold(), names, n=1)
    hint = f"; did you mean {names[near[0]]!r}?" if near else ""
    return f"is no class of the model, which has {len(labels):,}{hint}"
