"""Sees to it that lines rest on a check, whatever ends a worker or a session.

What fails is taken back, and ends the run; what could not be looked at is told. From which line on
that is still to be done is on the disk, for whoever goes on with a session that was killed.
"""

import time
from dataclasses import replace

from batchcls.errors import DistrustedError
from batchcls.messages import Answered
from batchcls.model.devices import agreement
from batchcls.results import manifest as manifests
from batchcls.results import unchecked
from batchcls.results.rundir import RunPaths
from batchcls.results.storage import Storage
from batchcls.running.last_look import SHARE, LastLook, blocks, places_of_blocks
from batchcls.running.night import Doubt, Unchecked
from batchcls.running.recorder import JournalLines
from batchcls.running.resume import Ready
from batchcls.running.team import Team

SAVE_S = 10.0


class NightWatch:
    """Looks at what workers leave unchecked; does nothing where no device is checked.

    Args:
        team: of the session; its first worker has loaded the model.
        storage: the file system.
        paths: of the run.
        ready: the output.
        lines: take back what is not to be trusted.
    """

    def __init__(
        self, team: Team, storage: Storage, paths: RunPaths, ready: Ready, lines: JournalLines
    ) -> None:
        self._team, self._loop, self._night = team, team.loop, team.loop.night
        self._storage, self._paths = storage, paths
        self._manifest, self._lines = ready.manifest, lines
        description, start = team.loop.description, team.start_message
        self._devices = agreement.unchecked(start.job, description)
        if self._devices:
            # On other machines they are copies.
            files = None if start.job.cluster else description["model"]["files"]
            self._look = LastLook(start, files, ready.images_of, paths.log)
            team.loop.watch = self
        self._looking = False
        self._begun = self._due = self._saved_at = 0.0
        self._saved = -1
        self._open: list[Unchecked] = []

    def before(self) -> None:
        """Look at the lines that the last session left unchecked, before there are others.

        Raises:
            DistrustedError: they are not to be trusted, and are taken back.
            InterruptedByUser: a signal arrived.
        """
        if not self._devices:
            return
        storage, paths, following = self._storage, self._paths, self._lines.next
        first = unchecked.load(storage, paths, self._manifest.run)
        if first is not None and first < following:
            names = " and ".join(self._devices)
            places = places_of_blocks(first, following, self._team.workers)
            lines = unchecked.some_lines(storage, paths, places, self._manifest.lines.start)
            self._look.begin(blocks(names, first, lines), enough=1)
            self._loop.until(lambda: not self._look.busy)
            found = self._look.verdict()
            if found.fails:
                self._distrust(names, first)
            if not found.passed:
                self._night.left.append(Unchecked(names, first))
        self._save()

    def note(self, event: Answered) -> None:
        """Take in a worker's report and its lines.

        Raises:
            DistrustedError: a device labels otherwise than the CPU by now.
        """
        if event.stats is not None and event.stats.checks:
            self._heed(self._night.note(event.worker, event.stats.checks))
        self._night.answered(event.worker, event.answers)

    def tick(self, now: float) -> None:
        """To be called often, at monotonic second `now`.

        Raises:
            DistrustedError: a device labels otherwise than the CPU by now.
        """
        if self._looking:
            if not self._look.busy:
                self._judge(now)
        elif now >= self._due and (new := self._new()):
            self._begin(new, now)
        if now - self._saved_at >= SAVE_S:
            self._saved_at = now
            self._save()

    def after(self) -> list[str]:
        """All is labelled: look at what no check has passed since; what people should know.

        Raises:
            DistrustedError: it is not to be trusted, and is taken back.
            InterruptedByUser: a signal arrived.
        """
        if not self._devices:
            return []
        self._night.end()
        while self._looking or (new := self._new()):
            if not self._looking:
                self._begin(new, time.monotonic())
            self._loop.until(lambda: not self._look.busy)
            self._judge(time.monotonic())
        return self._settle()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._devices:
            self._look.close()

    def _new(self) -> list[Unchecked]:
        """What nobody has looked at; without lines there is nothing to look at."""
        new = [one for one in self._night.left if one not in self._open]
        self._open += [one for one in new if not one.lines]
        return [one for one in new if one.lines]

    def _begin(self, new: list[Unchecked], now: float) -> None:
        self._looking, self._begun = True, now
        self._look.begin(new)

    def _judge(self, now: float) -> None:
        self._looking = False
        self._due = now + (now - self._begun) / SHARE
        found = self._look.verdict()
        self._night.left = [one for one in self._night.left if one not in found.passed]
        self._open += found.open
        if found.fails:
            self._distrust(found.fails, self._night.first(found.fails))

    def _heed(self, doubt: Doubt | None) -> None:
        if doubt is not None:
            self._distrust(*doubt)

    def _distrust(self, device: str, first: int) -> None:
        """End the run: this device labels otherwise than the CPU by now."""
        taken = self._lines.take_back(first)
        raise DistrustedError(
            f"{device} gives other labels than the CPU since image {first} or later. The "
            f"{taken:,} lines from there on were taken back; restart the machine or the driver, or "
            "choose another `--device`, then run the same command to do them again"
        )

    def _settle(self) -> list[str]:
        """Note in the manifest what remained unchecked: of each device, the first says it all."""
        firsts = {one.device: one.first for one in sorted(self._open, key=lambda one: -one.first)}
        entries = [(device, first, self._look.why) for device, first in firsts.items()]
        found = manifests.load(self._storage, self._paths.manifest) if entries else None
        if found is not None:
            settings = {**found.settings, unchecked.KEY: entries}
            manifests.save(self._storage, self._paths.manifest, replace(found, settings=settings))
        unchecked.clear(self._storage, self._paths)
        return [unchecked.sentence(*entry) for entry in entries]

    def _save(self) -> None:
        first = self._night.vouched(self._lines.next)
        if first != self._saved:
            self._saved = first
            unchecked.save(self._storage, self._paths, self._manifest.run, first)
