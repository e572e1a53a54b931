"""The process that speaks with Ray: joins a cluster, has one actor a node, carries their bytes.

``python -P launch.py batchcls.backends.ray_carrier FD PARENT PROGRAM…``, started by `RayTransport`.
A process of its own, because Ray ends the process that it is loaded in a minute after its head is
lost, and prints to its standard output what it was asked to keep to itself. This is the only module
that imports Ray.

Rules of this file:

1. One thread decides, the main one. Ray's threads, and the one that asks for the nodes, only put
   something into the queue. Nobody waits for an actor's answer, nor for the driver: its own main
   thread may list images for hours, while its signs of life must reach the agents.
2. An actor is never restarted and a call never repeated: nobody knows what became of its bytes. Any
   error of a call means that the machine is lost.
3. A machine has one `send` and one `exchange` under way, and what they bring is numbered. A call
   costs as much as fifty lines, so what the driver answers at once goes along with the next poll.
"""

import contextlib
import functools
import math
import os
import queue
import selectors
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from batchcls.backends import ray_actor
from batchcls.backends.agent_link import SocketLink
from batchcls.backends.process import cause_of_death
from batchcls.backends.ray_machine import Machine, Node
from batchcls.backends.ray_transport import Word, pack, unpack
from batchcls.wire.frames import FrameReader
from batchcls.worker.sandbox import confine

POLL_S = 5.0
ANSWER_S = 0.03
"""Seconds that a poll waits for what the driver says to what the last one brought."""
TOGETHER_S = 0.005
"""Seconds that it waits for more of that."""
NODES_S = 2.0
AGAIN_S = 10.0
"""Until a node whose agent ended gets another one."""
MOST_AGENTS = 3
"""Of one node: it may have been bad luck, and it may be the node."""
FAREWELL_S = 3.0
READ_SIZE = 1 << 18
MOST_SAID = 200
METHODS = 3
"""Calls that an actor answers at the same time: one of each method."""


class Carrier:
    """The machines of a cluster, between Ray and the driver."""

    def __init__(self, driver: SocketLink, program: list[str]) -> None:
        self._driver = driver
        self._reader = FrameReader()
        self._program = program
        self._machines: dict[int, Machine] = {}
        self._count = 0
        self._agents: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._happened: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._ring, False)

    def join(self, address: str) -> None:
        """Join the cluster; the driver hears whether that was possible."""
        import ray

        ray.cloudpickle.register_pickle_by_value(ray_actor)
        ray.init(address=address, log_to_driver=False, configure_logging=False)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray has taken it over
        self._class = ray.remote(ray_actor.NodeActor)
        self._kill, self._leave = ray.kill, ray.shutdown
        self._tell(Word.JOINED)
        threading.Thread(target=self._watch_nodes, daemon=True).start()

    def run(self) -> None:
        """Carry until the driver is gone."""
        selector = selectors.DefaultSelector()
        selector.register(self._bell, selectors.EVENT_READ)
        while True:
            self._driver.watch(selector)
            for key, _ in selector.select(self._poll()):
                if key.fd == self._bell:
                    os.read(self._bell, READ_SIZE)
            while not self._happened.empty():
                self._happened.get()()
            self._driver.flush()
            data = self._driver.receive()
            if data is None:
                return
            for payload in self._reader.feed(data):
                self._obey(*unpack(payload))

    def end(self) -> None:
        """End all agents."""
        for number in list(self._machines):
            self._lose(number, "")
        self._leave()  # left to the interpreter's end, it sleeps half a second first

    def fail(self, message: str) -> None:
        """Say that there is no cluster."""
        self._tell(Word.FAILED, data=message.encode())

    # ---- the driver

    def _obey(self, word: Word, number: int, data: bytes) -> None:
        machine = self._machines.get(number)
        if machine is None:
            return
        if word is Word.SEND:
            machine.outbox += data
            if machine.polling_from == math.inf:
                self._flush(number)
            else:
                machine.polling_from = min(machine.polling_from, time.monotonic() + TOGETHER_S)
        elif word is Word.DROP:
            self._agents[machine.node.id] = MOST_AGENTS
            self._lose(number, "dropped")

    def _tell(self, word: Word, number: int = 0, data: bytes = b"") -> None:
        self._driver.send(pack(word, number, data))

    # ---- nodes

    def _watch_nodes(self) -> None:
        import ray

        while True:
            nodes = [
                Node(
                    node["NodeID"],
                    node["NodeManagerHostname"],
                    int(node["Resources"].get("CPU", 0)),
                )
                for node in ray.nodes()
                if node["Alive"]
            ]
            self._put(functools.partial(self._compare, nodes))
            time.sleep(NODES_S)

    def _compare(self, nodes: list[Node]) -> None:
        alive = {node.id for node in nodes}
        for number, machine in list(self._machines.items()):
            if machine.node.id not in alive:
                self._lose(number, "Ray says that the node is gone")
        busy = {machine.node.id for machine in self._machines.values()}
        now = time.monotonic()
        for node in nodes:
            tried = self._agents.get(node.id, 0)
            late = now >= self._not_before.get(node.id, 0.0)
            if node.cores and node.id not in busy and tried < MOST_AGENTS and late:
                self._agents[node.id] = tried + 1
                self._start(node)

    def _start(self, node: Node) -> None:
        """Ask for an actor; it is there when the node's cores are free."""
        actor = self._class.options(
            num_cpus=node.cores,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=METHODS,
            enable_task_events=False,  # a tenth of what a call costs
            label_selector={"ray.io/node-id": node.id},
        ).remote(node.cores)
        self._count += 1
        number = self._count
        self._machines[number] = Machine(node, actor)
        self._call(number, actor.start.remote(self._program), self._opened)

    # ---- one machine

    def _opened(self, number: int, _pid: object) -> None:
        self._machines[number].sending = False
        self._tell(Word.OPENED, number)
        self._listen(number)
        self._flush(number)

    def _listen(self, number: int) -> None:
        machine = self._machines[number]
        machine.polling_from = math.inf
        piece = () if machine.sending else machine.piece()
        self._call(number, machine.actor.exchange.remote(POLL_S, *piece), self._heard)

    def _poll(self) -> float | None:
        """Poll the machines whose time has come; seconds until that of the next."""
        now = time.monotonic()
        for number, machine in self._machines.items():
            if machine.polling_from <= now:
                self._listen(number)
        first = min((m.polling_from for m in self._machines.values()), default=math.inf)
        return None if first == math.inf else max(0.0, first - now)

    def _heard(self, number: int, answer: bytes | tuple[int | None, str]) -> None:
        if not isinstance(answer, bytes):
            self._agent_ended(number, *answer)
            return
        machine = self._machines[number]
        if answer:
            machine.heard = True
            self._tell(Word.RECEIVED, number, answer)
        if machine.outbox or not answer:
            self._listen(number)
        else:
            machine.polling_from = time.monotonic() + ANSWER_S

    def _agent_ended(self, number: int, status: int | None, words: str) -> None:
        cause = f"its agent ended: {cause_of_death(status)}"
        machine = self._machines[number]
        if not machine.heard:  # nobody knows its name yet, and the next will do so, too
            self._agents[machine.node.id] = MOST_AGENTS
            cause = f"the agent on {machine.node.name} ended: {cause_of_death(status)}"
        self._lose(number, f"{cause}: {words[:MOST_SAID]}" if words else cause)

    def _flush(self, number: int) -> None:
        machine = self._machines[number]
        if not machine.sending and (piece := machine.piece()):
            machine.sending = True
            self._call(number, machine.actor.send.remote(*piece), self._sent)

    def _sent(self, number: int, _answer: object) -> None:
        self._machines[number].sending = False
        self._flush(number)

    def _lose(self, number: int, cause: str) -> None:
        machine = self._machines.pop(number)
        self._not_before[machine.node.id] = time.monotonic() + AGAIN_S
        with contextlib.suppress(Exception):  # it may have died of whatever
            self._kill(machine.actor, no_restart=True)
        self._tell(Word.CLOSED, number, cause.encode())

    # ---- Ray

    def _call(self, number: int, reference: Any, then: Callable[[int, Any], None]) -> None:
        """Go on with a call's answer in the main thread; without one the machine is lost."""

        def answered(future: Any) -> None:
            error = future.exception()
            if error is not None:
                self._put(lambda: self._broken(number, error))
            else:
                result = future.result()
                self._put(lambda: then(number, result) if number in self._machines else None)

        reference.future().add_done_callback(answered)

    def _broken(self, number: int, error: BaseException) -> None:
        if number in self._machines:
            self._lose(number, in_a_line(error))

    def _put(self, happened: Callable[[], None]) -> None:
        self._happened.put(happened)
        with contextlib.suppress(BlockingIOError):
            os.write(self._ring, b"!")


WORDS = {
    "ActorDiedError": "Ray says that its actor died",
    "ActorUnavailableError": "Ray cannot reach it",
}


def in_a_line(error: BaseException) -> str:
    """What Ray says, in words or by its first line; all of it goes to the log."""
    sys.stderr.write(f"{error}\n")
    first = str(error).strip().partition("\n")[0]
    return WORDS.get(type(error).__name__) or f"{type(error).__name__}: {first[:MOST_SAID]}"


def main(descriptor: int, parent: int, address: str, *program: str) -> None:
    """Carry until the driver's end of the socket is closed; then, and if Ray is lost, end."""
    confine(parent)
    os.umask(0o077)  # Ray may write an authentication token into the home directory
    os.chdir("/")  # where its workers look for modules first
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_task_events_report_interval_ms"] = "0"  # noqa: SIM112 - Ray's spelling; no events
    carrier = Carrier(SocketLink(descriptor), list(program))
    try:
        carrier.join(address)
    except Exception as error:  # noqa: BLE001 - whatever Ray raises: it has not joined
        carrier.fail(in_a_line(error))
        return
    carrier.run()
    farewell = threading.Timer(FAREWELL_S, os._exit, [0])
    farewell.daemon = True
    farewell.start()
    carrier.end()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
