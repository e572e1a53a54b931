"""One-line mutants of what decides: the tests must notice each.

    python -m tests.coordinator.mutants [NUMBER…]

Each is a text that occurs once in a module, and what takes its place.
"""

# ruff: noqa: E501 - texts of other files, as they stand there

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.tree import ROOT

MUTANTS = (
    # -- coordinator: what the edge asks and tells
    ("coordinator", "not (self._open_work or self._window or self._trial.doubtful)", "not (self._open_work or self._trial.doubtful)"),
    ("coordinator", "            or self._returned\n            or self._trial.open", "            or self._trial.open"),
    ("coordinator", "            or self._trial.open\n", ""),
    ("coordinator", "            or any(slot.leases for slot in self._slots.values())\n", ""),
    ("coordinator", "        self._draining = True\n", ""),
    ("coordinator", "        if self._halted:\n            return []\n        match", "        match"),
    ("coordinator", "        if self._halted:\n            return []\n        commands", "        commands"),
    ("coordinator", "        if self._draining:\n            return commands\n", ""),
    ("coordinator", "self._trial.doubtful >= self._policy.doubtful", "self._trial.doubtful > self._policy.doubtful"),
    ("coordinator", "return self._streak.words if self._streak.hopeless else", "return"),
    ("coordinator", "return commands or self._halt(reason)", "return self._halt(reason)"),
    ("coordinator", "return commands or self._record() or self._finish()", "return commands or self._finish()"),
    ("coordinator", 'elif slot.state == "recycling" and not slot.leases:', 'elif slot.state == "recycling":'),
    ("coordinator", 'slot.state, slot.respawn = "stopping", True', 'slot.state = "stopping"'),
    # -- coordinator: events
    ("coordinator", "slot.start_deaths = slot.first_rss = 0", "slot.first_rss = 0"),
    ("coordinator", "slot.start_deaths = slot.first_rss = 0", "slot.start_deaths = 0"),
    ("coordinator", 'if slot.state == "starting":\n            slot.state = "ready"', 'if True:\n            slot.state = "ready"'),
    ("coordinator", "            if unanswered.pop(answer.index, None) is not None:\n", "            if unanswered.pop(answer.index, 1) is not None:\n"),
    ("coordinator", "            slot.alone = None\n        rss", "        rss"),
    ("coordinator", 'if slot.state == "ready" and slot.outgrown', "if slot.outgrown"),
    ("coordinator", "        self._idle_deaths = 0\n        if answer", "        if answer"),
    ("coordinator", "        self._streak.note(answer)\n", ""),
    ("coordinator", "        self._trial.acquitted(answer.index)\n", ""),
    ("coordinator", "        if answer.failed is None:\n            self._keep(self._trial", "        if True:\n            self._keep(self._trial"),
    ("coordinator", '        if slot.state == "gone":\n            return []\n', ""),
    ("coordinator", "        slot.respawn = False\n        if slot.alone", "        if slot.alone"),
    ("coordinator", "if slot.alone == CANARY and CANARY.index in event.in_flight:", "if slot.alone == CANARY:"),
    ("coordinator", "slot.start_deaths >= self._policy.start_deaths", "slot.start_deaths > self._policy.start_deaths"),
    ("coordinator", "elif not blamed and not expected:", "elif not expected:"),
    ("coordinator", "elif not blamed and not expected:", "elif not blamed:"),
    ("coordinator", "self._idle_deaths >= self._policy.idle_deaths", "self._idle_deaths > self._policy.idle_deaths"),
    ("coordinator", 'if state == "stopping" and not expected:', 'if not expected:'),
    ("coordinator", 'if state == "stopping" and not expected:', 'if state == "stopping":'),
    ("coordinator", 'if state == "stopping" and not expected:', 'if False:'),
    ("coordinator", "            if rest and alone is None:\n", "            if rest:\n"),
    ("coordinator", "        slot.leases.clear()\n", ""),
    ("coordinator", "            self._trial.canary_lost()\n", "            pass\n"),
    ("coordinator", "            self._trial.suspect([alone])\n", "            pass\n"),
    ("coordinator", "        if any(slot.alive for slot in self._slots.values()):\n            return []\n", ""),
    ("coordinator", "commands = [*self._record(), Halt(reason)]", "commands = [Halt(reason)]"),
    # -- coordinator: commands
    ("coordinator", "self._window.begins(first) and not self._streak.holds(first)", "self._window.begins(first)"),
    ("coordinator", "self._window.begins(first) and not self._streak.holds(first)", "not self._streak.holds(first)"),
    ("coordinator", "self._window.take(first, self._streak.holds)", "self._window.take(first, lambda index: False)"),
    ("coordinator", "        self._next_record += len(lines)\n", ""),
    ("coordinator", "if not slot.leases and (alone :=", "if (alone :="),
    ("coordinator", "while slot.alone is None and len", "while len"),
    ("coordinator", "self._work.remaining and not self._window.full", "self._work.remaining"),
    ("coordinator", "take(min(self._policy.chunk, fair))", "take(self._policy.chunk)"),
    ("coordinator", "            if images or self._due:\n", "            if images:\n"),
    ("coordinator", "            if images or self._due:\n", "            if True:\n"),
    ("coordinator", "        self._streak.end()\n", ""),
    ("coordinator", "        self._keep(self._trial.release())\n", ""),
    ("coordinator", 'in ("starting", "ready", "recycling"):', 'in ("starting", "ready"):'),
    ("coordinator", 'in ("starting", "ready", "recycling"):', 'in ("ready", "recycling"):'),
    ("coordinator", "                commands.append(StopWorker(number, drain=drain))\n            slot.respawn = False\n", "                commands.append(StopWorker(number, drain=drain))\n"),
    ("coordinator", "StopWorker(number, drain=drain)", "StopWorker(number)"),
    # -- trial
    ("suspects", "return bool(self._suspects or self._accused)", "return bool(self._suspects)"),
    ("suspects", "return bool(self._suspects or self._accused)", "return bool(self._accused)"),
    ("suspects", "if self._accused and not self._canary_out:", "if self._accused:"),
    ("suspects", "self._believed = self._proven = True", "self._proven = True"),
    ("suspects", "self._believed = self._proven = True", "self._believed = True"),
    ("suspects", "self._deaths_alone.pop(index, None)", "pass"),
    ("suspects", "if deaths < self._solo_deaths:", "if deaths <= self._solo_deaths:"),
    ("suspects", "self._suspects.appendleft(image)", "self._suspects.append(image)"),
    ("suspects", "        if not self._proven:\n", "        if False:\n"),
    ("suspects", "        self._canary_out = False\n        accused, self._accused", "        accused, self._accused"),
    ("suspects", "        self._canary_out = False\n\n    def release", "        pass\n\n    def release"),
    ("suspects", "released, self._doubtful = self._doubtful, []", "released = self._doubtful"),
    ("suspects", "            self._deaths_alone.pop(image.index, None)\n", ""),
    ("suspects", "        self._proven = False\n        if self._believed", "        if self._believed"),
    ("suspects", "        if self._believed:\n            return verdicts\n", "        return verdicts\n"),
    ("suspects", "    if event.timeout:\n", "    if False:\n"),
    # -- streak
    ("streak", "return 0 < self._limit <= self.length", "return 0 < self._limit < self.length"),
    ("streak", "return self._first is not None and index >= self._first", "return self._first is not None and index > self._first"),
    ("streak", "        if not self._limit:\n            return\n", ""),
    ("streak", "min(self._first, answer.index)", "self._first"),
    ("streak", "        else:\n            self.end()\n", ""),
    ("streak", "self.length, self._first = 0, None", "self.length = 0"),
    ("streak", "self.length, self._first = 0, None", "self._first = None"),
    # -- window
    ("reorder", "bool(self._loose or self._packed)", "bool(self._loose)"),
    ("reorder", "bool(self._loose or self._packed)", "bool(self._packed)"),
    ("reorder", "self.size >= self._limit", "self.size > self._limit"),
    ("reorder", "            self._kept = 0\n", ""),
    ("reorder", "if self._loose_size > LOOSE * self._limit:", "if True:"),
    ("reorder", "if self._loose_size > LOOSE * self._limit:", "if False:"),
    ("reorder", "index in self._loose or index in self._packed", "index in self._loose"),
    ("reorder", "if first in self._packed and not held(first):", "if first in self._packed:"),
    ("reorder", "while index in self._loose and not held(index):", "while index in self._loose:"),
    ("reorder", "            self._add(answer, -1)\n", ""),
    ("reorder", "(len(answer.line) + OVERHEAD)", "len(answer.line)"),
    ("reorder", "        self._loose_size += size\n", ""),
    ("reorder", "            self.size += len(packed) + OVERHEAD\n", ""),
    ("reorder", "        self.size -= self._loose_size\n", ""),
    ("reorder", "self._loose, self._loose_size = {}, 0", "self._loose = {}"),
    ("reorder", "        self.size -= len(packed) + OVERHEAD\n", ""),
    ("reorder", "            self._add(answer, 1)\n", ""),
    ("reorder", "for index in sorted(loose):", "for index in loose:"),
    ("reorder", "if run and index != run[-1].index + 1:", "if run:"),
    # -- slot
    ("worker_slot", 'in ("starting", "ready", "recycling") or self.respawn', 'in ("starting", "ready", "recycling")'),
    ("worker_slot", "return 0 < limit < rss and rss", "return limit < rss and rss"),
    ("worker_slot", "return 0 < limit < rss and rss", "return rss"),
    ("worker_slot", "self.first_rss = self.first_rss or rss", "self.first_rss = rss"),
    ("worker_slot", " and rss > growth * self.first_rss", ""),
)  # fmt: skip


def survives(module: str, old: str, new: str) -> bool:
    """Whether the tests pass with this mutant."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / "tests").mkdir()
        (copy / "tests/__init__.py").touch()
        shutil.copytree(ROOT / "tests/coordinator", copy / "tests/coordinator", ignore=ignore)
        shutil.copytree(ROOT / "batchcls", copy / "batchcls", ignore=ignore)
        file = copy / "batchcls/coordinator" / f"{module}.py"
        text = file.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{module}: {old!r} is there {text.count(old)} times")
        file.write_text(text.replace(old, new))
        options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "timeout=40"]
        command = [sys.executable, "-P", "-m", "pytest", *options, "tests/coordinator"]
        done = subprocess.run(
            command, cwd=copy, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy)},
        )  # fmt: skip
        if done.returncode > 1 and "Timeout" not in done.stdout + done.stderr:
            raise RuntimeError(done.stdout + done.stderr)
        return done.returncode == 0


def main() -> None:
    chosen = [int(n) for n in sys.argv[1:]] or range(len(MUTANTS))
    left = []
    for number in chosen:
        module, old, new = MUTANTS[number]
        if survives(module, old, new):
            print(f"{number} {module}: {old.strip()!r} -> {new.strip()!r} SURVIVES", flush=True)
            left.append(number)
    print(f"{len(chosen) - len(left)} of {len(chosen)} noticed; left: {left}")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
