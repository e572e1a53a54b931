"""The only place that turns styled lines into Rich's text, and opens its console."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.text import Text

from batchcls.display.screens.stream import QuietStream
from batchcls.display.table import Line


def console_on(stream: QuietStream) -> Console:
    """A console that takes nothing for markup.

    Text never reaches Rich as a string, so markup, emoji and highlighting have nothing to work on;
    they are off all the same.
    """
    return Console(
        file=stream,  # type: ignore[arg-type] # it is all of a file that Rich uses
        force_terminal=True,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


def painted(lines: Sequence[Line]) -> Group:
    """Lines as one renderable."""
    return Group(*(_text(line) for line in lines))


def _text(line: Line) -> Text:
    # A tuple of Text.assemble takes any style but None; "" is Rich's "no style".
    return Text.assemble(*((cell.text, cell.style) for cell in line), no_wrap=True)
