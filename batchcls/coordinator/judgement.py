"""Decides what becomes of an image that was answered, or that came back from a worker.

It is done with, doubted, tried alone, or leased again.
"""

from collections.abc import Callable

from batchcls.coordinator.chunks import Chunks
from batchcls.coordinator.machines import Machine, Slot
from batchcls.coordinator.opinions import Opinions
from batchcls.coordinator.policy import Policy
from batchcls.coordinator.reorder import ReorderBuffer, Spill
from batchcls.coordinator.suspects import Losses, SuspectTrials
from batchcls.images import Failure, ImageRef, Url
from batchcls.messages import CANARY, Answer, WorkerDied
from batchcls.sources.url_names import of_one_image

SYSTEMIC = frozenset({
    "vanished", "denied", "io_error", "changed", "bad_output", "infer", "out_of_memory",
})  # fmt: skip
"""Kinds of failures that a picture itself cannot cause; what has changed may be a whole archive."""


def _of_one_image(image: ImageRef, answer: Answer) -> bool:
    """Whether a failure cannot be anybody's but this image's, whatever its kind."""
    if not isinstance(image.place, Url):
        return False
    return answer.failed in ("vanished", "denied") or of_one_image(answer.line)


class Judgement:
    """The images of a run between the list and the results.

    Args:
        policy: the numbers.
        convict: makes the line of an image that kills its workers.
        open_spill: opens what takes lines that wait when they outgrow their memory.

    Attributes:
        chunks: to be leased.
        trial: under suspicion.
        opinions: in doubt.
        reorder: done with; their lines wait for one before them.
    """

    def __init__(
        self,
        policy: Policy,
        convict: Callable[[ImageRef, Failure], Answer],
        open_spill: Callable[[], Spill] | None,
    ) -> None:
        self._policy = policy
        self._losses = Losses()
        self.chunks = Chunks(policy.chunk)
        self.trial = SuspectTrials(
            convict, policy.solo_deaths, policy.doubtful, tolerant=policy.tolerant
        )
        self.opinions = Opinions(policy.systemic, policy.tolerant)
        self.reorder = ReorderBuffer(policy.window, open_spill)

    @property
    def open(self) -> bool:
        """There are images to lease, or will be."""
        return self.chunks.left or self.trial.open or self.opinions.open

    @property
    def complete(self) -> bool:
        """No image is left, and no line waits."""
        return not (self.open or self.opinions or self.reorder or self.trial.doubtful)

    @property
    def remembered(self) -> int:
        """Of how many images something is known that is no verdict."""
        return self.trial.remembered + self._losses.remembered + self.opinions.remembered

    def accept(self, machine: Machine, image: ImageRef, answer: Answer) -> None:
        """A worker answered an image that it had."""
        if image == CANARY:
            self._convict(self.trial.canary_lived())
            return
        self._losses.forget(image.index)
        self.trial.acquitted(image.index, machine.number)
        if answer.failed in SYSTEMIC and not _of_one_image(image, answer):
            self.opinions.failed(machine.number, image, answer)
        else:
            self.opinions.passed(machine.number, image.index)
            self.reorder.keep(answer)
            if answer.failed is None:
                self._convict(self.trial.succeeded(machine.number))
        self._believe()

    def take_back(self, machine: Machine, slot: Slot, event: WorkerDied) -> bool:
        """A worker died with images unanswered; whether it had any in its hands."""
        alone, slot.alone = slot.alone, None
        suspects, rests = slot.take_back(frozenset(event.in_flight))
        if alone is None:
            tried, rests = self._losses.split(map(self.opinions.returned, rests))
            self.chunks.give_back(rests)
            self.trial.suspect([*suspects, *tried])
        elif alone == CANARY:
            self.trial.canary_lost()
        elif suspects:
            self.opinions.died(machine.number, alone.index)
            self._convict(self.trial.died_alone(alone, event, machine.number))
        else:  # dead before it touched its one image: nobody's fault
            self.trial.suspect([alone])
        return bool(suspects)

    def left(self, machine: Machine, *, lost: bool) -> None:
        """A machine is gone, with images unanswered.

        Args:
            machine: is not among the others any more.
            lost: it may have died of an image; otherwise it was retired.
        """
        self.trial.left(machine.number)
        culprits = self._losses.lost(machine) if lost else ()
        for worker, slot in machine.slots.items():
            in_flight = tuple(index for images in slot.leases.values() for index in images)
            guilty = slot.alone is not None and slot.alone.index in culprits
            event = WorkerDied(worker, "its machine was lost", in_flight=in_flight * guilty)
            self.take_back(machine, slot, event)
        self.chunks.give_back_loose(self.opinions.leave(machine.number))
        self._believe()

    def hopeless(self) -> str:
        """Why the images cannot be what is at fault; empty if they can."""
        if self.trial.doubtful >= self._policy.doubtful:
            return self.trial.message
        if self.opinions.hopeless and not self._policy.tolerant:
            return self.opinions.message
        return ""

    def trust(self) -> None:
        """Believe what no further machine can be asked about."""
        self.opinions.end()
        self._believe()

    def release(self) -> None:
        """Nothing else is left to try: convictions that were held back count."""
        self._convict(self.trial.release())

    def _believe(self) -> None:
        for answer in self.opinions.believed():
            self._losses.forget(answer.index)
            self.reorder.keep(answer)

    def _convict(self, verdicts: list[Answer]) -> None:
        for verdict in verdicts:
            self._losses.forget(verdict.index)
            self.opinions.forget(verdict.index)
            self.reorder.keep(verdict)
