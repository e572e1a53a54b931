"""The carrier's loop, without Ray: nothing that the driver leaves unread keeps it from relaying."""

import socket
import threading
from concurrent.futures import Future
from functools import partial
from types import SimpleNamespace

from batchcls.backends.agent_link import SocketLink
from batchcls.backends.ray_carrier import Carrier
from batchcls.backends.ray_machine import Machine, Node
from batchcls.backends.ray_transport import Word, pack, unpack
from batchcls.wire.frames import FrameReader

PATIENCE_S = 20.0


def test_a_driver_that_does_not_read_is_relayed_all_the_same() -> None:
    ours, theirs = socket.socketpair()
    arrived = threading.Event()
    taken: list[bytes] = []

    def send(number: int, data: bytes) -> SimpleNamespace:
        assert number == len(taken)
        taken.append(data)
        arrived.set()
        return SimpleNamespace(future=Future[None])  # never answered

    link = SocketLink(theirs.detach())
    carrier = Carrier(link, [])
    actor = SimpleNamespace(send=SimpleNamespace(remote=send))
    carrier._machines[1] = Machine(Node("a", "a", 1), actor, sending=False)
    answers = [bytes([n]) * (1 << 20) for n in range(8)]
    for answer in answers:
        carrier._put(partial(carrier._tell, Word.RECEIVED, 1, answer))
    loop = threading.Thread(target=carrier.run, daemon=True)
    loop.start()
    with ours:
        ours.sendall(pack(Word.SEND, 1, b"a sign of life"))
        assert arrived.wait(PATIENCE_S)
        assert taken == [b"a sign of life"]
        reader = FrameReader()
        heard: list[tuple[Word, int, bytes]] = []
        ours.settimeout(PATIENCE_S)
        while len(heard) < len(answers):
            heard += [unpack(payload) for payload in reader.feed(ours.recv(1 << 18))]
        assert heard == [(Word.RECEIVED, 1, answer) for answer in answers]
    loop.join(PATIENCE_S)
    assert not loop.is_alive(), "it ends with the driver"
    link._socket.close()
