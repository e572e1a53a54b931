"""How help looks: plain text, options under headings, no sentence cut off.

rich would draw it, too, but its import costs a third of the start.
"""

import re

from typer._click import Context, HelpFormatter  # typer.Context is only a subclass
from typer.core import TyperCommand

_SWITCH = re.compile(r"--([\w-]+) / --no-\1")
_DEFAULT = re.compile(r"  \[default: \(?(.*?)\)?\]$")


class Command(TyperCommand):
    """A command whose help puts each option under its section's heading."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """The form of the command, required arguments without braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the arguments, then the options by section, in order of appearance."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                default = "Arguments" if param.param_type_name == "argument" else "Options"
                section = getattr(param, "rich_help_panel", None) or default
                names = _SWITCH.sub(r"--[no-]\1", record[0])
                text = _DEFAULT.sub(r" [\1]", record[1])
                sections.setdefault(section, []).append((names, text))
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first line of the help, whole: where it is too long for a line it is wrapped."""
        return (self.help or "").partition("\n")[0]


def usage(context: Context) -> str:
    """The form of a command, and how to learn more."""
    return f"{context.get_usage()}\nTry `{context.command_path} --help`"
