"""Where images come from: sources are listed once into a frozen list, then read one by one."""

from batchcls.sources.freezing import extend, freeze
from batchcls.sources.inputs import FILE_NAME, InputsList, InputsReader, measure
from batchcls.sources.reading import DEFAULT_MAX_BYTES, read_image

__all__ = [
    "DEFAULT_MAX_BYTES",
    "FILE_NAME",
    "InputsList",
    "InputsReader",
    "extend",
    "freeze",
    "measure",
    "read_image",
]
