"""Decides which image killed a worker, or a machine: trials alone, the canary, late convictions.

Rules of this file:

1. A death in company blames nobody; it makes suspects, and a suspect is tried alone.
2. `solo_deaths` deaths alone make a culprit, each on another machine than the one before if there
   is one. While nothing else succeeds there, the verdict waits for the canary, a known good image
   given to a fresh worker of the machine of the last death: if it lives, the culprit is convicted.
3. Convictions before the first success of the run are doubtful. They are held back until an image
   succeeds (or nothing else is left to try), so that a wrong job leaves no wrong lines.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from batchcls.coordinator.machines import Machine
from batchcls.images import Failure, ImageRef
from batchcls.messages import CANARY, Answer, WorkerDied

SUSPICIOUS = 2
"""Lost machines that make a suspect."""


class _Death(NamedTuple):
    """A worker that died with nothing but this image in its hands."""

    image: ImageRef
    event: WorkerDied
    machine: int


class SuspectTrials:
    """Images under suspicion, from first death to verdict.

    Args:
        convict: makes the line of an image that kills its workers.
        solo_deaths: deaths alone that make a culprit.
        most_acquitted: images in a row that died alone on a machine, and were answered by others,
            that say that the machine is sick.
        tolerant: convictions are never held back.

    Attributes:
        sick: such a machine.
    """

    def __init__(
        self,
        convict: Callable[[ImageRef, Failure], Answer],
        solo_deaths: int,
        most_acquitted: int,
        tolerant: bool,
    ) -> None:
        self._convict_line = convict
        self._solo_deaths = solo_deaths
        self._most_acquitted = most_acquitted
        self.sick: int | None = None
        self._suspects: deque[ImageRef] = deque()
        self._again: deque[_Death] = deque()
        self._died_on: dict[int, list[int]] = {}  # image → machines of its deaths alone
        self._acquitted: Counter[int] = Counter()  # machine → images that died there by its fault
        self._accused: list[_Death] = []
        self._canary_out: int | None = None  # the machine whose accused it is for
        self._doubtful: list[Answer] = []
        self._believed = tolerant
        self._proven: set[int] = set()  # machines where an image succeeded since a verdict there

    @property
    def open(self) -> bool:
        """Some image still waits to be tried, or for the canary."""
        return bool(self._suspects or self._again or self._accused)

    @property
    def remembered(self) -> int:
        """How many images are known to have killed a worker alone, without a verdict yet."""
        return len(self._died_on)

    @property
    def doubtful(self) -> int:
        """How many convictions are held back."""
        return len(self._doubtful)

    @property
    def message(self) -> str:
        """Why the run stops, when too many are held back."""
        return (
            f"the first {self.doubtful} images each crashed or hung a worker of their own, and no "
            "image succeeded; use `--max-failed N` to continue anyway"
        )

    def against(self, machine: int) -> str:
        """Why it is the machine that is at fault."""
        return (
            f"{self._acquitted[machine]} images in a row crashed or hung its workers, and none of "
            "them a worker of another machine"
        )

    def suspect(self, images: Iterable[ImageRef]) -> None:
        """These were in a worker's hands when it died in company: try each alone."""
        self._suspects.extend(images)

    def next_alone(
        self, machine: int, here: Collection[int], helpful: Callable[[int, int], bool]
    ) -> ImageRef | None:
        """The next image to hand to an empty worker: the canary when a verdict waits for it.

        Args:
            machine: the worker's.
            here: the machines that there are.
            helpful: whether to try an image on a machine tells something new.
        """
        match self._next(machine, here, helpful):
            case _Death() as death:
                self._again.remove(death)
                return death.image
            case image if image == CANARY:
                self._canary_out = self._accused[0].machine
                return image
            case ImageRef() as image:
                self._suspects.remove(image)
                return image
        return None

    def waits_for(
        self, machine: int, here: Collection[int], helpful: Callable[[int, int], bool]
    ) -> bool:
        """There is an image to hand to an empty worker of this machine; see `next_alone`."""
        return self._next(machine, here, helpful) is not None

    def _next(
        self, machine: int, here: Collection[int], helpful: Callable[[int, int], bool]
    ) -> _Death | ImageRef | None:
        if self._accused and self._canary_out is None:
            accused = self._accused[0].machine
            if accused == machine or accused not in here:
                return CANARY
        for death in self._again:
            if death.machine != machine or len(here) == 1:
                return death
        return next((image for image in self._suspects if helpful(machine, image.index)), None)

    def succeeded(self, machine: int) -> list[Answer]:
        """A real image succeeded: the convictions held back were the images' own fault."""
        self._believed = True
        self._proven.add(machine)
        del self._acquitted[machine]
        return self.release()

    def acquitted(self, index: int, machine: int) -> None:
        """This image was answered after all, by a machine."""
        for died_on in self._died_on.pop(index, ()):
            self._acquitted[died_on] += died_on != machine
            if self._acquitted[died_on] >= self._most_acquitted:
                self.sick = died_on

    def died_alone(self, image: ImageRef, event: WorkerDied, machine: int) -> list[Answer]:
        """A worker died with nothing but this image in its hands; the verdicts ready now."""
        death = _Death(image, event, machine)
        died_on = self._died_on.setdefault(image.index, [])
        died_on.append(machine)
        if len(died_on) < self._solo_deaths:
            self._again.appendleft(death)
            return []
        if machine not in self._proven:
            self._accused.append(death)
            return []
        return self._convict([death])

    def canary_lived(self) -> list[Answer]:
        """Model and device of that machine work: those accused there are culprits."""
        machine, self._canary_out = self._canary_out, None
        culprits = [death for death in self._accused if death.machine == machine]
        self._accused = [death for death in self._accused if death.machine != machine]
        return self._convict(culprits)

    def canary_lost(self) -> None:
        """The worker died before it looked at the canary: it must be sent again."""
        self._canary_out = None

    def left(self, machine: int) -> None:
        """What died there may have died of the machine, which can be asked no more: try it anew."""
        deaths = [death for death in (*self._again, *self._accused) if death.machine == machine]
        for death in deaths:
            del self._died_on[death.image.index]
            self._suspects.append(death.image)
        for index in [index for index, died_on in self._died_on.items() if machine in died_on]:
            self._died_on[index].remove(machine)  # it is being tried elsewhere
        self._again = deque(death for death in self._again if death.machine != machine)
        self._accused = [death for death in self._accused if death.machine != machine]

    def release(self) -> list[Answer]:
        """Let go of the convictions held back."""
        released, self._doubtful = self._doubtful, []
        return released

    def _convict(self, culprits: Iterable[_Death]) -> list[Answer]:
        verdicts = []
        for image, event, machine in culprits:
            self._died_on.pop(image.index, None)
            verdicts.append(self._convict_line(image, _failure(event)))
            self._proven.discard(machine)
        if self._believed:
            return verdicts
        self._doubtful += verdicts
        return []


class Losses:
    """Of which images how many machines were lost: nobody is blamed the first time.

    An image may bring its machine down (by its memory, say). One that was leased on two machines
    when they were lost is tried alone; then each further loss is the death of a worker alone. A
    lease counts only where its machine was heard of afterwards: in a power cut, leases that the
    first machine gives back may go to others that are dead too, and nobody knows yet.
    """

    def __init__(self) -> None:
        self._times: dict[int, int] = {}

    @property
    def remembered(self) -> int:
        """How many images were on a lost machine, and are not done with."""
        return len(self._times)

    def lost(self, machine: Machine) -> set[int]:
        """It is lost, with what it had; of that, what was suspicious before."""
        before: set[int] = set()
        for slot in machine.slots.values():
            for lease, images in slot.leases.items():
                for index in () if lease in machine.unheard else images:
                    times = self._times.get(index, 0)
                    self._times[index] = times + 1
                    if times >= SUSPICIOUS:
                        before.add(index)
        self._times.pop(CANARY.index, None)
        return before

    def split(
        self, chunks: Iterable[tuple[ImageRef, ...]]
    ) -> tuple[list[ImageRef], list[tuple[ImageRef, ...]]]:
        """Those to be tried alone, and the rest as chunks."""
        if not self._times:
            return [], list(chunks)
        suspects: list[ImageRef] = []
        rests: list[tuple[ImageRef, ...]] = []
        for chunk in chunks:
            known = {i.index for i in chunk if self._times.get(i.index, 0) >= SUSPICIOUS}
            suspects += [image for image in chunk if image.index in known]
            rests.append(tuple(image for image in chunk if image.index not in known))
        return suspects, rests

    def forget(self, index: int) -> None:
        """It is done with."""
        self._times.pop(index, None)


def _failure(event: WorkerDied) -> Failure:
    """What the record says: nothing that differs from run to run, such as numbers of workers."""
    where = f" during {event.stage}" if event.stage else ""
    if event.timeout:
        return Failure("timeout", f"hangs the worker, tried alone{where}")
    return Failure("worker_crash", f"kills the worker, tried alone{where}: {event.cause}")
