"""How help looks: options under headings, in plain text. Rich's would cost a third of the start."""

import re
from typing import Any

from typer.core import TyperCommand

_SWITCH = re.compile(r"--([\w-]+) / --no-\1")


class Sectioned(TyperCommand):
    """A command whose help puts each option under its section's heading."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options by section, in order of appearance."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                default = "Arguments" if param.param_type_name == "argument" else "Options"
                section = getattr(param, "rich_help_panel", None) or default
                shown = _SWITCH.sub(r"--[no-]\1", record[0])
                sections.setdefault(section, []).append((shown, record[1]))
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)
