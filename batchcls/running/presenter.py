"""Shows a session: on its display and to other terminals while it runs, in a summary at its end."""

import contextlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from batchcls.display import Display, open_display, resolve
from batchcls.display.progress import progress_file
from batchcls.display.progress.progress import Progress
from batchcls.display.screens.stream import QuietStream
from batchcls.display.snapshot import Snapshot, State
from batchcls.display.text import safe
from batchcls.job.job import Job
from batchcls.messages import LayerTime
from batchcls.results.pace import Pace
from batchcls.results.rundir import RunPaths

SHOW_S = 0.25
PUBLISH_S = 1.0
"""Also where nothing is drawn in place: nobody sees what is newer."""


class Presenter:
    """What the user sees of a session.

    Args:
        job: says how progress is shown.
        paths: of the run, where other terminals look for its progress.

    Attributes:
        summary: what came of the session, once it is over.
    """

    def __init__(self, job: Job, paths: RunPaths, progress: Progress) -> None:
        self._kind = job.progress
        self._raw = job.raw
        self._paths = paths
        self._display: Display = open_display("none")
        self._shown = self._published = 0.0
        self._every = PUBLISH_S
        self._state: State | None = None
        self._warned = 0
        self._pace = Pace(paths.pace)
        self.progress = progress
        self.summary: Mapping[str, Any] | None = None

    def open(self) -> None:
        """Open the display; to import what it draws with takes a moment."""
        self._display = open_display(self._kind)
        if sys.stderr is not None and self._resolved() in ("rich", "bar"):
            self._every = SHOW_S
        # What ends the run is imported while the workers load, and not in the morning: another
        # version of batchcls may have been installed by then.
        import_module("batchcls.display.summary.summary_lines")

    def show(self, now: float) -> None:
        """Show how the session stands at monotonic second `now`; may be called at any rate."""
        if now - self._shown < self._every and self.progress.state == self._state:
            return
        self._shown, self._state = now, self.progress.state
        snapshot = self.progress.snapshot(now)
        self._display.show(snapshot)
        self._warn(snapshot)
        if snapshot.state == "running":
            self._pace.note(snapshot.updated_at, snapshot.done)
        if now - self._published >= PUBLISH_S:
            self._published = now
            progress_file.save(snapshot, self._paths.progress)

    def end(
        self,
        state: State,
        reason: str,
        description: Mapping[str, Any],
        layers: Sequence[LayerTime] = (),
        *,
        summary: bool = True,
        faster: str = "",
    ) -> None:
        """The session is over: close the display, write and show the summary.

        Args:
            reason: why, if not because every image has its line.
            description: what a worker made of the model; empty if none has loaded it.
            layers: time of the model's layers, if it was counted.
            summary: there is something to sum up.
            faster: what would have been quicker, in a sentence.
        """
        from batchcls.decode.decoders import cure
        from batchcls.display.summary.summary import summarise
        from batchcls.display.summary.summary_lines import show_summary

        progress = self.progress
        progress.on_state(state)
        last = progress.snapshot(time.monotonic(), time.time())
        extra: dict[str, Any] = {"description": description, "reason": reason, "faster": faster}
        if undecoded := last.failed_by_kind.get("no_decoder"):
            extra["cure"] = cure(undecoded, raw=self._raw)
        facts = summarise(last, extra)
        self.summary = facts.as_dict()
        progress.on_summary(self.summary)
        snapshot = progress.snapshot(time.monotonic(), time.time())
        progress_file.save(snapshot, self._paths.progress)
        if snapshot.answered:
            self._pace.note(snapshot.updated_at, snapshot.done, last=True)
        self._display.close(snapshot)
        self._warn(snapshot, over=True)
        with contextlib.suppress(OSError):
            self._paths.summary.write_text(json.dumps(self.summary, indent=1) + "\n")
        if summary and snapshot.total is not None and self._kind not in ("json", "none"):
            show_summary(facts, sys.stdout, tuple(layers))

    def _resolved(self) -> str:
        return resolve(self._kind, QuietStream(sys.stderr))

    def _warn(self, snapshot: Snapshot, *, over: bool = False) -> None:
        """Warnings reach standard error whatever is shown: these displays leave them out of it.

        What is drawn in place must not be torn apart: there they follow the last frame, unless the
        summary shows them on the same terminal.
        """
        if sys.stderr is None:
            return
        kind = self._resolved()
        apart = over and not (sys.stdout is not None and QuietStream(sys.stdout).isatty())
        if kind == "plain" or (kind in ("rich", "bar") and not apart):
            return
        lines = (f"batchcls: warning: {safe(text)}\n" for text in snapshot.warnings[self._warned :])
        QuietStream(sys.stderr).write("".join(lines))
        self._warned = len(snapshot.warnings)
