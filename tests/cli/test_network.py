"""No command looks up a name or connects to anything: nothing phones home, from no process."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from batchcls.cli import main
from batchcls.model.builtin import path
from batchcls.model.builtin.canary import canary_image
from tests.support.network import WAYS, Watch

pytestmark = pytest.mark.runs

MODEL, IMAGES = str(path()), "images"
RESULTS, FEATURES = "results.jsonl", "features.npy"
COMMANDS = {
    "run": ["run", IMAGES, "-o", "new.jsonl"],
    "demo": ["demo", "demo", "--images", "5"],
    "devices": ["devices"],
    "inspect": ["inspect", MODEL],
    "inspect --probe": ["inspect", MODEL, "--probe", IMAGES],
    "export-model": ["export-model", MODEL, "out.xml"],
    "status": ["status", RESULTS],
    "watch": ["watch", RESULTS],
    "verify": ["verify", RESULTS],
    "evaluate": ["evaluate", RESULTS],
    "embed": ["embed", IMAGES, "-o", "more.npy"],
    "similar": ["similar", f"{IMAGES}/ok/0.png", "--in", FEATURES],
    "merge": ["merge", "merged.jsonl", "1.jsonl", "2.jsonl"],
    "bench": ["bench", MODEL, IMAGES, "--seconds", "0.1"],
    "tune": ["tune", MODEL, IMAGES, "--seconds", "1"],
    "export": ["export", RESULTS, "--to", "csv", "-o", "out.csv"],
    "report": ["report", RESULTS, "-o", "report.html"],
}
WITH_CHILDREN = {
    "run": "batchcls.worker",
    "demo": "batchcls.worker",
    "embed": "batchcls.worker",
    "bench": "batchcls.bench.child",
    "tune": "batchcls.worker",
    "report": "batchcls.worker.thumbnails",
}
SLOW = {"tune": (pytest.mark.faults, pytest.mark.timeout(170))}
ELSEWHERE = {"quantize", "teach", "review"}
"""The first two are tested where NNCF and scikit-learn are installed, in `tests/quantize` and
`tests/teach`; the last goes on until it is told to end."""
REVIEW = f"""
import signal, subprocess, sys
command = [sys.executable, "-m", "batchcls", "review", "{RESULTS}"]
with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as review:
    told = review.stdout.readline()
    assert b"http://127.0.0.1:" in told, told
    review.send_signal(signal.SIGINT)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, sorted by the name of their class, and with the results of a run."""
    made = tmp_path_factory.mktemp("network")
    (made / IMAGES / "ok").mkdir(parents=True)
    for n in range(3):
        (made / IMAGES / "ok" / f"{n}.png").write_bytes(canary_image())
    shards = [["--shard", f"{n}/2", "-o", f"{n}.jsonl"] for n in (1, 2)]
    runs = [["run", IMAGES, *options] for options in (["-o", RESULTS], *shards)]
    for words in (*runs, ["embed", IMAGES, "-o", FEATURES]):
        command = [sys.executable, "-m", "batchcls", *words]
        subprocess.run(command, cwd=made, check=True, capture_output=True)
    return made


def test_every_command_is_watched() -> None:
    assert {words[0] for words in COMMANDS.values()} | ELSEWHERE == {*main.COMMANDS}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SLOW.get(name, ())) for name in COMMANDS]
)
def test_a_command_asks_nothing_of_the_network(name: str, folder: Path, tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    seen = watch.run([sys.executable, "-m", "batchcls", *COMMANDS[name]], folder, timeout=160)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.calls == []
    assert [*watch.home.iterdir()] == []  # telemetry keeps an identity and its counts in ~/intel
    child = WITH_CHILDREN.get(name, "batchcls")
    assert any(child in process for process in seen.processes), "a process went unwatched"


def test_a_review_asks_nothing_of_the_network(folder: Path, tmp_path: Path) -> None:
    seen = Watch(tmp_path).run([sys.executable, "-c", REVIEW], folder, timeout=160)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.calls == []
    assert any("review" in process for process in seen.processes), "a process went unwatched"


ASKS = {
    "a look-up": "socket.getaddrinfo('batchcls.invalid', 443)",
    "an old look-up": "socket.gethostbyname('batchcls.invalid')",
    "a look-up of an address": "socket.gethostbyaddr('192.0.2.1')",
    "a connection": "socket.create_connection(('192.0.2.1', 443), 1)",
    "a connection by IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', ('192.0.2.1', 53))",
    "a message": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'?'], [], 0, ('192.0.2.1', 53))",
}


def asking(what: str) -> str:
    """A program that fails where what it asks of the network works."""
    return textwrap.dedent(f"""\
        import socket
        try:
            {what}
        except OSError:
            pass
        else:
            raise SystemExit("that reached somebody")
    """)


def in_a_child(program: str, *options: str) -> str:
    """A program that runs another one."""
    words = [*options, "-c", program]
    return f"import subprocess, sys; subprocess.run([sys.executable, *{words!r}], check=True)"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ask", ASKS)
def test_what_a_program_asks_of_the_network_is_seen(ask: str, way: str, tmp_path: Path) -> None:
    seen = Watch(tmp_path, way).run([sys.executable, "-c", asking(ASKS[ask])], tmp_path)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.calls


@pytest.mark.parametrize("way", WAYS)
def test_what_a_childs_child_asks_is_seen(way: str, tmp_path: Path) -> None:
    program = in_a_child(in_a_child(asking(ASKS["a look-up"])))
    seen = Watch(tmp_path, way).run([sys.executable, "-c", program], tmp_path)
    assert seen.done.returncode == 0, seen.done.stderr
    assert [call.split("\t")[:2] for call in seen.calls] == [["getaddrinfo", "batchcls.invalid"]]
    assert len(seen.processes) == 3


@pytest.mark.skipif("native" not in WAYS, reason="needs a C compiler")
@pytest.mark.parametrize(
    "native",
    [
        "libc.getaddrinfo(b'batchcls.invalid', None, None, None)",
        "libc.gethostbyname(b'batchcls.invalid')",
    ],
)
def test_what_native_code_asks_is_seen_even_without_pythons_variables(
    native: str, tmp_path: Path
) -> None:
    program = f"import ctypes; libc = ctypes.CDLL(None); {native}"
    command = [sys.executable, "-c", in_a_child(program, "-I", "-S")]
    seen = Watch(tmp_path, "native").run(command, tmp_path)
    assert seen.done.returncode == 0, seen.done.stderr
    assert len(seen.calls) == 1


# One of its threads forks a process that calls;
# once a program is ending, Python 3.12 forks none.
LEFT_ALONE = """\
import os, pathlib, time
import openvino
log = pathlib.Path(os.environ["BATCHCLS_TEST_NETWORK_LOG"])
until = time.monotonic() + 30
# The first line says that it is watched.
while len(log.read_text().splitlines()) < 2 and time.monotonic() < until:
    time.sleep(0.05)
"""


@pytest.mark.parametrize("way", WAYS)
def test_what_openvino_does_when_left_alone_is_seen(way: str, tmp_path: Path) -> None:
    """Otherwise the tests above would pass whatever batchcls did."""
    seen = Watch(tmp_path, way).run([sys.executable, "-c", LEFT_ALONE], tmp_path)
    assert seen.done.returncode == 0, seen.done.stderr
    assert any("google-analytics" in call for call in seen.calls)
