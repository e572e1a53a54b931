"""What a request to a store costs: processor time of reading an object of 100 KB by obstore.

    python -m jobs.measure.store_requests [--requests 3200]

The server is another process of this machine, and answers at once.
"""

import argparse
import asyncio
import multiprocessing
import os
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from batchcls.sources.allowance import Allowance
from batchcls.sources.stores.store import store_of

SIZE = 100_000
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"1\"\r\n"
    b"Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n" % SIZE
)  # fmt: skip


class Answers(asyncio.Protocol):
    """Answers every request with the same object."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            body = b"" if request.startswith(b"HEAD") else bytes(SIZE)
            self._transport.write(ANSWER + body)  # type: ignore[attr-defined]


def serve(listening: socket.socket) -> None:
    """The other process: answers until it is killed."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Answers, sock=listening)
        await server.serve_forever()

    asyncio.run(forever())


def spent() -> float:
    """Seconds of the processor, by all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, and print a line for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3200)
    count = parser.parse_args().requests
    listening = socket.create_server(("127.0.0.1", 0))
    os.environ.update(
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{listening.getsockname()[1]}",
    )
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,))
    server.start()
    try:
        store = store_of("s3://photos")
        found = store.find("a.jpg")
        allowance = Allowance()
        for threads in (1, 4, 16):
            with ThreadPoolExecutor(threads) as pool:
                before, began = spent(), time.perf_counter()
                for data in pool.map(lambda _: store.read(found, allowance), range(count)):
                    assert len(data) == SIZE
                used, took = spent() - before, time.perf_counter() - began
            print(
                f"{threads:2} threads: {used / count * 1e3:.3f} ms a request, {count / took:,.0f}/s"
            )
    finally:
        server.kill()
        server.join()


if __name__ == "__main__":
    main()
