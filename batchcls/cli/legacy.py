"""Rewrites the old sample's and benchmark_app's spellings into batchcls's own. Pure.

OpenVINO's classification sample took ``-i a.jpg b.jpg -nt 5 -pc --number_iter 10`` without a
command; typer knows neither single-dash words nor options with several values. Rules:

1. Nothing after ``--`` is touched, and nothing is touched that is no known spelling.
2. A first argument that is no command, but looks like an option or a path, means ``run``.
3. Only the arguments of ``run`` are rewritten; the other commands are new.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

WORDS = {
    "nt": "top",
    "number_top": "top",
    "ni": "number-iter",
    "niter": "number-iter",
    "pc": "perf-counts",
    "pp": "plugins",
    "plugin_dir": "plugins",
    "nireq": "nireq",
    "number_infer_requests": "nireq",
    "cpu_extension": "extension",
    "extensions": "extension",
    "hint": "hint",
    "nstreams": "nstreams",
    "number_streams": "nstreams",
    "nthreads": "nthreads",
    "number_threads": "nthreads",
    "infer_precision": "infer-precision",
    "cdir": "cache-dir",
    "load_config": "load-config",
    "layout": "layout",
}
"""Word after one or two dashes → long option. Other words differ in underscores at most."""


def rewrite(
    arguments: Sequence[str],
    commands: Iterable[str],
    options: Iterable[str],
    exists: Callable[[str], bool] = os.path.lexists,
) -> list[str]:
    """The arguments as typer is to see them.

    Args:
        arguments: as typed, without the program's name.
        options: long options of ``run``, without their dashes.
        exists: whether a path is there.
    """
    found = _with_command(list(arguments), frozenset(commands), exists)
    if found[:1] != ["run"]:
        return found
    return ["run", *_rewrite_run(found[1:], frozenset(options))]


def _with_command(
    arguments: list[str], commands: frozenset[str], exists: Callable[[str], bool]
) -> list[str]:
    """Put in the ``run`` that the old sample had no need of."""
    if not arguments:
        return ["run"]
    first = arguments[0]
    if first in commands or first in ("-h", "--help", "--version"):
        return arguments
    pathlike = first.startswith(("-", "@")) or os.sep in first or "." in first
    return ["run", *arguments] if pathlike or exists(first) else arguments


def _rewrite_run(arguments: list[str], options: frozenset[str]) -> list[str]:
    rewritten: list[str] = []
    rest = list(arguments)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if word == "--" and not equals:
            return [*rewritten, word, *rest]
        name = _option(word, options)
        if name is None:
            rewritten.append(word + equals + value)
        elif name != "input" or equals:
            rewritten.append(f"--{name}{equals}{value}")
        else:
            sources = _leading_values(rest)
            del rest[: len(sources)]
            rewritten += [word for source in sources for word in ("--input", source)] or ["--input"]
    return rewritten


def _leading_values(arguments: Sequence[str]) -> list[str]:
    """The words up to the next option; a lone ``-`` is standard input, so a word."""
    return list(takewhile(lambda word: word == "-" or not word.startswith("-"), arguments))


def _option(word: str, options: frozenset[str]) -> str | None:
    """The long option that a word means; None where typer knows the word itself, or nobody does."""
    name = word.removeprefix("-").removeprefix("-")
    if name == word or not name:
        return None
    if name in ("i", "input"):
        return "input"
    if len(name) == 1:
        return None
    dashed = WORDS.get(name, name.replace("_", "-"))
    return dashed if dashed in options else None
