"""Notes what a Python program asks of the network, and refuses it, as `network.c` does.

Sees Python's own sockets alone, and no program that was started without PYTHONPATH.
"""

import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

LOOK_UPS = ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo")
SENDS = ("connect", "sendto", "sendmsg")


def note(what: str, about: object) -> None:
    command = " ".join(sys.orig_argv).replace("\n", " ")
    with Path(os.environ["BATCHCLS_TEST_NETWORK_LOG"]).open("a", encoding="utf-8") as log:
        log.write(f"{what}\t{about}\t{command}\n")


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    owner, _, what = event.partition(".")
    if owner != "socket":
        return
    if what in LOOK_UPS:
        note(what, arguments[0])
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    if what in SENDS and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        note(what, arguments[1])
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


note("process", "")
sys.addaudithook(refuse)
