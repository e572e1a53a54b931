"""Whether images on a slow web server are labelled as fast as files: each in turn, several times.

    python -m jobs.measure.far_images MODEL PHOTOS [--images 2000] [--delay 0.1] [--rounds 5]

The server is a process of its own on this machine: it answers each request after `--delay` seconds.
A round is a run on files, one on the same images' URLs, and one on the same with a broken URL among
fifty: pages that are gone, refuse (429), stall, never end, lie about their length, lead in a circle
or into a private network, and speak no TLS. It prints images/s and the ratios to reach: at least
0.9 of the files' rate with the delay, and, with broken URLs, 0.9 of the rate without.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from batchcls import Job, run
from batchcls.display.table import aligned

LEAST = 0.9
AHEAD = 800
"""More than the workers of a small machine hold at once."""
EVERY = 50
"""Of so many URLs, one is broken."""
BROKEN = ("404", "429", "stall", "endless", "lying", "loop", "private", "tls")
HEAD = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n"
SAID = {
    "404": HEAD % (b"404 Not Found", 0, b""),
    "429": HEAD % (b"429 Too Many Requests", 0, b"Retry-After: 1\r\n"),
    "lying": HEAD % (b"200 OK", 1000, b"Connection: close\r\n") + b"x",
    "loop": HEAD % (b"302 Found", 0, b"Location: 0-loop\r\n"),
    "private": HEAD % (b"302 Found", 0, b"Location: http://169.254.169.254/\r\n"),
}


class Answers(asyncio.Protocol):
    """One connection: each request is answered later, without a thread."""

    def __init__(self, images: list[bytes], delay_s: float, served: list[float]) -> None:
        self._images, self._delay_s, self._served = images, delay_s, served
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            path = self._head.split(b" ", 2)[1].partition(b"?")[0]
            name = path.rpartition(b"/")[2].decode()
            self._head = b""
            asyncio.get_running_loop().call_later(self._delay_s, self._answer, name)
        elif not self._head.startswith(b"GET"):
            self._transport.close()  # TLS

    def _answer(self, name: str) -> None:
        kind = name.partition("-")[2]
        if self._transport.is_closing() or kind == "stall":
            return
        if not kind:
            body = self._images[int(name) % len(self._images)]
            self._transport.write(HEAD % (b"200 OK", len(body), b"") + body)
            self._served.append(time.monotonic())
        elif kind == "endless":
            self._transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            self._go_on()
        else:
            self._transport.write(SAID[kind])
            if kind == "lying":
                self._transport.close()

    def _go_on(self) -> None:
        """A megabyte a second."""
        if not self._transport.is_closing():
            self._transport.write(bytes(100_000))
            asyncio.get_running_loop().call_later(0.1, self._go_on)


async def serve(folder: Path, delay_s: float) -> None:
    """Print the port; at the end of standard input, print when images were served."""
    images = [path.read_bytes() for path in sorted(folder.iterdir())]
    served: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Answers(images, delay_s, served), "127.0.0.1", 0, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(served))


@contextmanager
def served(folder: Path, delay_s: float, times: list[float]) -> Iterator[str]:
    """A server while the block lasts, and then the moments at which it served images."""
    command = [sys.executable, "-m", "jobs.measure.far_images", "--serve", folder, str(delay_s)]
    server = subprocess.Popen(
        [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        times += json.loads(server.communicate("", timeout=60)[0])
    finally:
        server.kill()
        server.wait()


def rate(times: list[float]) -> float:
    """Images/s once workers have read ahead as far as they may, and read one for each labelled."""
    times = sorted(times)[AHEAD:]
    return (len(times) - 1) / (times[-1] - times[0])


def far(job: Job, folder: Path, count: int, delay_s: float, *, broken: bool) -> float:
    """Images/s of URLs."""
    times: list[float] = []
    kinds = cycle(BROKEN)
    with served(folder, delay_s, times) as url:
        lines = []
        for number in range(count):
            kind = f"-{next(kinds)}" if broken and number % EVERY == EVERY // 2 else ""
            secure = url.replace("http:", "https:") if kind == "-tls" else url
            lines.append(f"{secure}/{number:07}{kind}?secret\n")
        source = Path(job.output).with_name("urls.txt")
        source.write_text("".join(lines))
        found = run(replace(job, sources=(f"@{source}",)))
    bad = sum("-" in line for line in lines)
    if found.failed != bad:
        sys.exit(f"{found.failed} images failed, expected {bad}: {found.failed_by_kind}")
    return rate(times)


def near(job: Job, folder: Path, count: int) -> float:
    """Images/s of files."""
    photos = sorted(folder.iterdir())
    with tempfile.TemporaryDirectory() as links:
        for number, photo in enumerate(islice(cycle(photos), count)):
            (Path(links) / f"{number:07}.jpg").symlink_to(photo.resolve())
        found = run(replace(job, sources=(links,)))
    if found.failed:
        sys.exit(f"{found.failed} files failed: {found.failed_by_kind}")
    return found.fps


def main() -> None:
    """From the command line to the figures."""
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2]), float(sys.argv[3])))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path, help="a folder of nothing but photographs")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.images < 2 * AHEAD:
        parser.error(f"at least {2 * AHEAD} images are needed")
    rows = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            job = Job(model=str(options.model), output=f"{folder}/out.jsonl", progress="none")

            def other(name: str, of: Job = job) -> Job:
                return replace(of, output=of.output.replace("out", name))

            files = near(job, options.photos, options.images)
            urls = far(other("urls"), options.photos, options.images, options.delay, broken=False)
            bad = far(other("bad"), options.photos, options.images, options.delay, broken=True)
        rows.append((files, urls, bad))
        print(
            f"round {number + 1}: {files:.1f}, {urls:.1f}, {bad:.1f}", file=sys.stderr, flush=True
        )
    report(rows)


def report(rows: list[tuple[float, float, float]]) -> None:
    """Print the figures; the exit status is 1 where they are not reached."""
    files, urls, bad = (statistics.median(column) for column in zip(*rows, strict=True))
    delayed = statistics.median(row[1] / row[0] for row in rows)
    others = statistics.median(row[2] / row[1] for row in rows)
    table = [
        ("images", "images/s", "ratio", "to reach"),
        ("files", f"{files:.1f}", "", ""),
        ("URLs", f"{urls:.1f}", f"{delayed:.3f} of the files'", f"{LEAST}"),
        ("URLs, one in fifty broken", f"{bad:.1f}", f"{others:.3f} of the URLs'", f"{LEAST}"),
    ]
    print(aligned(table, right=(1,)))
    sys.exit(0 if min(delayed, others) >= LEAST else 1)


if __name__ == "__main__":
    main()
