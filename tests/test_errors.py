"""An error crosses from one process to another by the name of its class."""

import pytest

from batchcls import errors
from batchcls.errors import BatchclsError, raised_elsewhere

NAMES = sorted(
    name for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, BatchclsError) and name != "InterruptedByUser"
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_is_of_the_same_class_with_the_same_words(name: str) -> None:
    error = raised_elsewhere(name, "why")
    assert (type(error).__name__, str(error)) == (name, "why")


@pytest.mark.parametrize(
    "name", ["", "InterruptedByUser", "ImageError", "KeyError", "FailureKind", "raised_elsewhere"]
)
def test_whatever_else_it_calls_itself_it_is_a_plain_error(name: str) -> None:
    error = raised_elsewhere(name, "why")
    assert (type(error), str(error)) == (BatchclsError, "why")
