"""Where images come from: sources are listed once into a frozen list, then read one by one."""

from batchcls.sources.files import Files
from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import InputsList, InputsReader
from batchcls.sources.sample import sample
from batchcls.sources.source import Source

__all__ = [
    "Files",
    "InputsList",
    "InputsReader",
    "Source",
    "extend",
    "freeze",
    "sample",
]
