"""Stands in for `srun`: ``python launcher.py NUMBER -- COMMAND…``.

Starts so many copies, joins their outputs line by line, cuts lines as Slurm does, copies its input
to all of them, and goes on when one of them dies. Copy K begins with the words of PREFIX_K, if that
is set. The signal USR1 cuts the network, both ways, and USR2 mends it. The copies' process numbers
are in the file that LAUNCHED names.
"""

import os
import queue
import selectors
import shlex
import signal
import subprocess
import sys
import threading

MAX_MSG_LEN = 1024
"""Of slurmstepd: it sends no more of a line in one piece, so that others' may come between."""
MAX_FREE_BUF = 1024
"""Of srun: so many pieces of input wait for one task that does not read; then nobody gets any."""


class Launcher:
    def __init__(self, copies: int, command: list[str]) -> None:
        self.cut = False
        self.tasks = [
            subprocess.Popen(
                [*shlex.split(os.environ.get(f"PREFIX_{number}", "")), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            for number in range(copies)
        ]
        self.inputs = [self.input_of(task) for task in self.tasks]
        self.said = {task.stdout.fileno(): b"" for task in self.tasks if task.stdout is not None}

    def run(self) -> int:
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        for descriptor in self.said:
            selector.register(descriptor, selectors.EVENT_READ)
        while self.said:
            for key, _ in [] if self.cut else selector.select(0.2):
                data = os.read(key.fd, 1 << 16)
                if key.fd == 0:
                    if not data:
                        selector.unregister(0)
                    self.copy(data)
                    continue
                *lines, self.said[key.fd] = (self.said[key.fd] + data).split(b"\n")
                for line in lines:
                    for at in range(0, len(line) + 1, MAX_MSG_LEN):
                        os.write(1, (line + b"\n")[at : at + MAX_MSG_LEN])
                if not data:
                    selector.unregister(key.fd)
                    del self.said[key.fd]
            if self.cut:
                signal.pause()
        return max(abs(task.wait()) for task in self.tasks)

    def input_of(self, task: "subprocess.Popen[bytes]") -> "queue.Queue[bytes]":
        """What waits for a task, which a thread writes to it; b"" is the end."""
        waiting: queue.Queue[bytes] = queue.Queue(MAX_FREE_BUF)

        def write() -> None:
            assert task.stdin is not None
            try:
                while data := waiting.get():
                    while (sent := os.write(task.stdin.fileno(), data)) < len(data):
                        data = data[sent:]
                task.stdin.close()
            except OSError:
                while waiting.get():
                    pass  # this one is dead; the others live on

        threading.Thread(target=write, daemon=True).start()
        return waiting

    def copy(self, data: bytes) -> None:
        for at in range(0, max(1, len(data)), MAX_MSG_LEN):
            for waiting in self.inputs:
                waiting.put(data[at : at + MAX_MSG_LEN])

    def on_signal(self, number: int, _frame: object) -> None:
        self.cut = number == signal.SIGUSR1


def main() -> None:
    split = sys.argv.index("--")
    launcher = Launcher(int(sys.argv[1]), sys.argv[split + 1 :])
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, launcher.on_signal)
    if "LAUNCHED" in os.environ:
        with open(os.environ["LAUNCHED"], "w") as file:
            file.write(" ".join(str(task.pid) for task in launcher.tasks))
    print("Welcome to this cluster. Use of it is monitored.", flush=True)
    sys.exit(launcher.run())


if __name__ == "__main__":
    main()
