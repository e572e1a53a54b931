"""Carries out and takes back what an export does to files outside of OUT, step by step.

The journal has every step before the first of them is done: it appears with OUT, whole and synced.
Each step can be found half done or done and is then completed or left. So a kill at any moment
leaves what the same command completes, and what `--undo` takes back.
"""

import contextlib
import fcntl
import functools
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from batchcls.display.text import counted, safe
from batchcls.errors import RefusedError, UsageError
from batchcls.results.disk_errors import guard
from batchcls.sources.directory import sync_directory

Step = Mapping[str, Any]
DONE = '{"state":"done"}'
UNDOING = '{"state":"undoing"}'
THREADS = 8
AT_ONCE = 512
"""Steps that are read, and may be done side by side, before the next are."""
NAMED = 3
"""How many of the steps that cannot be done are named."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How the steps of one kind are done.

    Attributes:
        kind: its name, which its journals begin with.
        journal: where the journal is, of an `OUT`.
        do: does a step that may have been done, in part or whole; says why it cannot, or nothing.
            Gets OUT, the journal's head and the step.
        undo: takes back a step that may not have been done; the same.
        side_by_side: whether steps may be done at once, in any order.
    """

    kind: str
    journal: Callable[[Path], Path]
    do: Callable[[Path, Step, Step], str]
    undo: Callable[[Path, Step, Step], str]
    side_by_side: bool = False


@dataclass(slots=True)
class _Problems:
    count: int = 0
    lines: list[str] = field(default_factory=list)

    def note(self, step: Step, why: str) -> None:
        self.count += 1
        if self.count <= NAMED:
            self.lines.append(f"  {step['path']}: {why}")

    def text(self) -> str:
        more = ["  …"] if self.count > NAMED else []
        return "\n".join(safe(line) for line in [*self.lines, *more])


def line(known: Step) -> str:
    """A line of a journal; names that are not UTF-8 come back as they were."""
    return json.dumps(known, separators=(",", ":")) + "\n"


def head(kind: str, **known: str) -> str:
    """The first line of a journal."""
    return line({"journal": kind, **known})


def _journal(steps: Steps, out: Path) -> Path | None:
    """The journal of an export to `out`; None where that is something else."""
    journal, begins = steps.journal(out), f'{{"journal":"{steps.kind}"'.encode()
    if not journal.is_file():
        return None
    with guard(out), journal.open("rb") as file:
        return journal if file.read(len(begins)) == begins else None


def unfinished(steps: Steps, out: Path) -> bool:
    """Whether steps of an export to `out` are left to be done.

    Raises:
        UsageError: they are being taken back.
    """
    journal = _journal(steps, out)
    if journal is None:
        return False
    state = _state(journal)
    if state == UNDOING:
        raise UsageError(f"{out} is half taken back; complete that first, with `--undo`")
    return state != DONE


def carry_out(steps: Steps, out: Path) -> int:
    """Do what is left to do; the number of steps.

    Raises:
        RefusedError: some of them cannot be done; the others are.
        StoppedError: the disk is full or fails; the same again goes on.
    """
    journal, problems, count = steps.journal(out), _Problems(), 0
    with _owned(journal, out) as (file, head):
        if _state(journal) == DONE:
            return sum(1 for _ in _each(file))
        touched: set[Path] = set()
        for step, why in _all(steps, steps.do, out, head, file):
            count += 1
            if why:
                problems.note(step, why)
            touched.add(Path(step["from"]).parent)
        if problems.count:
            raise RefusedError(
                f"{out}: {counted(problems.count, 'image', 'images')} of {count:,} left as they "
                f"were:\n{problems.text()}\nhint: the same command tries again; `--undo` takes "
                "the others back"
            )
        with guard(out):
            for folder in touched:
                with contextlib.suppress(FileNotFoundError):
                    sync_directory(folder)
            _append(journal, DONE)
    return count


def take_back(steps: Steps, out: Path) -> int:
    """Undo every step that was done, then remove the journal; the number of steps.

    Raises:
        UsageError: `out` is not an export with a journal.
        RefusedError: some steps cannot be taken back; the others are.
    """
    journal, problems, count = _journal(steps, out), _Problems(), 0
    if journal is None:
        raise UsageError(f"{out} is not what an export to {steps.kind} wrote")
    with _owned(journal, out) as (file, head):
        if _state(journal) != UNDOING:
            with guard(out):
                _append(journal, UNDOING)
        for step, why in _all(steps, steps.undo, out, head, file):
            count += 1
            if why:
                problems.note(step, why)
        if problems.count:
            raise RefusedError(
                f"{out}: {counted(problems.count, 'image', 'images')} of {count:,} left as they "
                f"are now:\n{problems.text()}\nhint: once that is settled, `--undo` goes on"
            )
        with guard(out):
            journal.unlink()
            sync_directory(journal.parent)
            if journal != out:
                with contextlib.suppress(OSError):  # what else is in there stays
                    out.rmdir()
    return count


def _all(
    steps: Steps, action: Callable[[Path, Step, Step], str], out: Path, head: Step, file: IO[str]
) -> Iterator[tuple[Step, str]]:
    """Each step, and why it cannot be done.

    Disks take a millisecond and more to sync a file, and hardly more for many at once.
    """
    each = _each(file)
    with ThreadPoolExecutor(THREADS) as pool:
        while some := list(itertools.islice(each, AT_ONCE)):
            do = functools.partial(_done, action, out, head)
            whole = steps.side_by_side and len(some) == AT_ONCE
            yield from zip(some, pool.map(do, some) if whole else map(do, some), strict=True)


def _done(
    action: Callable[[Path, Step, Step], str], out: Path, head: Step, step: Step
) -> str:  # fmt: skip
    """Why a step cannot be done; a disk that is full or fails stops everything."""
    try:
        return action(out, head, step)
    except (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
        return str(error.strerror)
    except OSError as error:
        with guard(out, f" after {step['path']}"):
            raise error from None
    return ""


@contextlib.contextmanager
def _owned(journal: Path, out: Path) -> Iterator[tuple[IO[str], Step]]:
    """The open journal behind its head, and the head; no other process has it."""
    with guard(out), journal.open(encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is at work on {out}; wait for it to end") from None
        yield file, json.loads(file.readline())


def _each(file: IO[str]) -> Iterator[Step]:
    for text in file:
        if text.startswith('{"i":'):
            yield json.loads(text)


def _state(journal: Path) -> str:
    """What was noted last; a note that a kill has cut is none."""
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - 64))
        *_, last, rest = ("\n" + file.read().decode("ascii")).split("\n")
    return last if not rest and last in {DONE, UNDOING} else ""


def _append(journal: Path, state: str) -> None:
    """Note a state, on a line of its own whatever stands before it."""
    with journal.open("a", encoding="ascii") as file:
        file.write(f"\n{state}\n")
        file.flush()
        os.fsync(file.fileno())
