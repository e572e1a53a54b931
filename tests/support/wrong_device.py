"""The device check, where VCPU is a wrong device; see `wrong_core`."""

import tests.support.wrong_core  # noqa: F401 - before the model side is imported
from batchcls.worker.device_check import find

__all__ = ["find"]
