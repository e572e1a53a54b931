"""Progress as lines of text for logs and pipes: few, each whole, the same in any terminal."""

from batchcls.display import text
from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot

# (up to this second of the run, a line every so many seconds): a night is hundreds of lines.
MOST_MACHINES = 100
GONE = ("lost", "retired", "left out", "gone")
"""States of a machine that does not take part."""

PACES = ((60.0, 5.0), (600.0, 15.0), (float("inf"), 60.0))


class PlainDisplay:
    """A line now and then, at each tenth of the way, and when the state changes."""

    min_interval = 0.0

    def __init__(self, stream: QuietStream) -> None:
        self._stream = stream
        self._state = ""
        self._next = 0.0
        self._tenth = 0
        self._waits = False
        self._warned = 0

    def draw(self, snapshot: Snapshot) -> None:
        """Write a line if one is due."""
        for warning in snapshot.warnings[self._warned :]:
            self._line(f"warning: {text.safe(warning)}")
        self._warned = max(self._warned, len(snapshot.warnings))
        tenth = int((snapshot.share or 0.0) * 10)
        changed = snapshot.state != self._state
        self._waits = self._waits or snapshot.state == "waiting"
        if self._waits and not snapshot.finished:  # it takes turns every few seconds, all night
            changed = changed and self._state not in ("waiting", "running")
            tenth = 0
        if changed or tenth > self._tenth or snapshot.elapsed_s >= self._next:
            if changed and not self._state:
                self._line(title_line(snapshot))
            self._line(progress_line(snapshot))
            pace = next(pace for end, pace in PACES if snapshot.elapsed_s < end)
            self._state, self._tenth = snapshot.state, tenth
            self._next = snapshot.elapsed_s + pace

    def finish(self, snapshot: Snapshot) -> None:
        """Write the last line, unless it stands there already."""
        self.draw(snapshot)

    def _line(self, message: str) -> None:
        self._stream.write(f"batchcls: {message}\n")


def title_line(snapshot: Snapshot) -> str:
    """What runs, on what, into which file."""
    devices = ", ".join(snapshot.devices)
    return text.safe(f"{snapshot.model or 'model'} on {devices or 'CPU'} -> {snapshot.results}")


def progress_line(snapshot: Snapshot) -> str:
    """Where the run stands, in one line of ASCII."""
    parts = [snapshot.state]
    share = snapshot.share
    if snapshot.state == "waiting":
        return f"{waiting_words(snapshot)}; Ctrl-C ends"
    if snapshot.total is not None and share is not None:
        done = f"{text.count(snapshot.done)}/{text.count(snapshot.total)}"
        parts[0] += f" {done} {text.percent(share)}"
    if snapshot.rate_mean:
        now = "" if snapshot.finished else f"{text.rate(snapshot.rate_now)} images/s, "
        parts.append(f"{now}mean {text.rate(snapshot.rate_mean)}")
    if snapshot.failed:
        parts.append(f"{text.count(snapshot.failed)} failed")
    machines = {row.machine: row.state for row in snapshot.workers if row.machine}
    if machines:
        here = sum(state not in GONE for state in machines.values())
        parts.append(f"{here} of {text.counted(len(machines), 'machine', 'machines')}")
    if restarts := snapshot.restarts:
        parts.append(text.counted(restarts, "restart", "restarts"))
    if snapshot.finished:
        parts.append(f"after {text.duration(snapshot.elapsed_s)}")
    elif snapshot.eta_s is not None:
        parts.append(f"ETA {text.duration(snapshot.eta_s)}")
    return text.safe(" | ".join(parts))


def waiting_words(snapshot: Snapshot) -> str:
    """That new images are waited for, for how long by now, and how many have come."""
    waited = snapshot.waiting_s or 0.0
    time = f" ({text.duration(waited)})" if waited >= 1.0 else ""
    failed = f", {text.count(snapshot.failed)} failed" if snapshot.failed else ""
    return f"waiting for new images{time}; {text.count(snapshot.ok)} labelled{failed}"


def machine_lines(snapshot: Snapshot) -> list[str]:
    """The machines of a run on several, a line each for the first of them; else nothing."""
    rows = [row for row in snapshot.workers if row.machine]
    lines = []
    for row in rows[:MOST_MACHINES]:
        over = snapshot.finished and row.state not in GONE
        parts = [] if over else [row.state]
        parts.append(text.counted(row.workers, "worker", "workers"))
        parts.append(
            f"{text.counted(row.images, 'image', 'images')} on {row.device or 'no device'}"
        )
        if row.rate and not snapshot.finished:
            parts.append(f"{text.rate(row.rate)} images/s")
        if row.losses:
            parts.append(f"lost {text.counted(row.losses, 'time', 'times')}")
        lines.append(text.safe(f"{row.machine}: {', '.join(parts)}"))
    if len(rows) > MOST_MACHINES:
        lines.append(f"and {len(rows) - MOST_MACHINES} more")
    return lines
