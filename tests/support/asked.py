"""A process that answers one request as the request says, or does not."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from batchcls.errors import DeviceError


def find(request: Mapping[str, Any]) -> dict[str, Any]:
    match request["how"]:
        case "answer":
            os.write(1, b"a library's own words\n")
            return {"twice": request["what"] * 2}
        case "refuse":
            raise DeviceError("no such device")
        case "die":
            sys.stderr.write("last words\n")
            sys.stderr.flush()
            os._exit(3)
    time.sleep(600)
    return {}
