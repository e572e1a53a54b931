"""Decides which failures are believed, where it may be the machine that fails, and not the image.

Rules of this file:

1. A machine's word counts for certain (it is firm) once the machine has answered something else
   since, or nothing else is left to do. Until then it counts towards the machine's streak.
2. With one machine, a failure is believed when it is firm. With several, two machines must agree on
   its kind, and the word of one of them be firm; another is asked until two agree or none is left.
3. Whatever else an image comes to on another machine counts, and speaks against those who said that
   it fails. A machine that is contradicted for half the length of a hopeless streak, and answers
   nothing else meanwhile, lies.
4. A machine in a hopeless streak pauses until the others have spoken. When all pause, the job is
   wrong: a lost mount, a sick model.
5. What a machine said that left before its word was firm is forgotten.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from batchcls.images import ImageRef
from batchcls.messages import Answer


@dataclass(slots=True)
class Streak:
    """Failures in a row, of such kinds, from one machine.

    Attributes:
        votes: indices of the images, in order, that no other machine has spoken of for certain.
        contradicted: of how many others another machine said that they do not fail so.
        last: kind of the last.
    """

    votes: dict[int, None] = field(default_factory=dict)
    contradicted: int = 0
    last: str = ""

    @property
    def length(self) -> int:
        """Failures in a row that may be the machine's fault."""
        return len(self.votes) + self.contradicted

    def end(self) -> list[int]:
        """The machine answered otherwise: let go of the images."""
        votes, self.votes, self.contradicted = list(self.votes), {}, 0
        return votes


@dataclass(slots=True)
class Doubt:
    """An image that fails, as machines say.

    Attributes:
        votes: machine → its answer, in the order of arrival.
        firm: machines whose word is.
        deadly: machines where it killed a worker alone; they are not asked.
        state: another machine will be asked, is asked now, or need not be asked yet.
    """

    image: ImageRef
    votes: dict[int, Answer] = field(default_factory=dict)
    firm: set[int] = field(default_factory=set)
    deadly: set[int] = field(default_factory=set)
    state: Literal["waiting", "queued", "asked"] = "waiting"


class Opinions:
    """What machines say of images that fail.

    Args:
        limit: failures in a row that tell that it is not the images; 0 = never.
        tolerant: one machine alone is believed at once.

    Attributes:
        liar: a machine that is contradicted too often.
    """

    def __init__(self, limit: int, tolerant: bool) -> None:
        self._limit, self._tolerant = limit, tolerant
        self._streaks: dict[int, Streak] = {}
        self._doubts: dict[int, Doubt] = {}
        self._queues: dict[int, deque[int]] = {}  # who said so last → images to ask another about
        self._queued = 0
        self._believed: list[Answer] = []
        self.liar: int | None = None

    def __bool__(self) -> bool:
        return bool(self._doubts)

    @property
    def remembered(self) -> int:
        """How many images are in doubt."""
        return len(self._doubts)

    @property
    def open(self) -> bool:
        """A machine is to be asked about an image."""
        return self._queued > 0

    @property
    def hopeless(self) -> bool:
        """All machines pause."""
        return bool(self._streaks) and all(map(self.paused, self._streaks))

    @property
    def message(self) -> str:
        """Why the run stops."""
        length = sum(streak.length for streak in self._streaks.values())
        last = next(streak.last for streak in self._streaks.values() if streak.last)
        where = f" on all {len(self._streaks)} machines" if len(self._streaks) > 1 else ""
        return (
            f"the last {length} images all failed{where} ({last}), so the storage, the device "
            "or the model is at fault; fix that and run the same command to resume, or use "
            "`--max-failed N` to continue anyway"
        )

    def against(self, machine: int) -> str:
        """Why a machine is not believed."""
        streak = self._streaks[machine]
        told = f"its last {streak.length} images all failed ({streak.last})"
        return f"{told}, and {streak.contradicted} of them did not on other machines"

    def paused(self, machine: int) -> bool:
        """It is given nothing until others have spoken."""
        return 0 < self._limit <= self._streaks[machine].length

    # ---- machines

    def join(self, machine: int) -> None:
        """It can be asked from now on."""
        self._streaks[machine] = Streak()
        for index in list(self._doubts):
            self._settle(index)

    def leave(self, machine: int) -> list[ImageRef]:
        """It can be asked no more; images of which nobody says anything now."""
        again = []
        for index in self._streaks.pop(machine).end():
            doubt = self._doubts[index]
            del doubt.votes[machine]
            if not doubt.votes:
                self.forget(index)
                if doubt.state != "asked":
                    again.append(doubt.image)
        for index in list(self._doubts):
            self._settle(index)
        return again

    # ---- answers

    def failed(self, machine: int, image: ImageRef, answer: Answer) -> None:
        """A machine says that an image fails, in a way that may be the machine's fault."""
        index, streak = image.index, self._streaks[machine]
        doubt = self._doubts.setdefault(index, Doubt(image))
        self._wait(doubt)
        doubt.votes.pop(machine, None)
        doubt.votes[machine] = answer
        if self._limit == 0 or (self._tolerant and len(self._streaks) == 1):
            doubt.firm.add(machine)
        else:
            doubt.firm.discard(machine)
            streak.votes[index] = None
            streak.last = answer.failed or ""
        self._settle(index)
        if index in streak.votes and streak.length == self._limit:  # it pauses from now on
            for other in list(streak.votes):
                self._settle(other)

    def passed(self, machine: int, index: int) -> None:
        """A machine says otherwise of an image, whether or not others said that it fails."""
        if index in self._doubts:
            for voter, streak in self._streaks.items():
                if index in streak.votes:
                    streak.contradicted += 1
                    if streak.contradicted >= self._limit // 2:
                        self.liar = voter
            self.forget(index)
        if self._streaks[machine].length:
            self._make_firm(machine)

    def forget(self, index: int) -> None:
        """This image is judged: nobody is asked about it any more."""
        if (doubt := self._doubts.pop(index, None)) is not None:
            self._queued -= doubt.state == "queued"
            for machine in doubt.votes.keys() & self._streaks.keys():
                self._streaks[machine].votes.pop(index, None)

    def _believe(self, answer: Answer) -> None:
        self.forget(answer.index)
        self._believed.append(answer)

    def believed(self) -> list[Answer]:
        """Failures that count by now, each told once."""
        believed, self._believed = self._believed, []
        return believed

    # ---- asking others

    def ask(self, machine: int, most: int) -> tuple[ImageRef, ...]:
        """Images that this machine has not spoken of, and should; they are asked about now."""
        images: list[ImageRef] = []
        if not self._queued:
            return ()
        for voter, queue in list(self._queues.items()):
            if voter == machine:
                continue
            for _ in range(min(len(queue), 2 * most)):
                index = queue.popleft()
                doubt = self._doubts.get(index)
                if doubt is None or doubt.state != "queued":
                    continue
                if machine in doubt.votes or machine in doubt.deadly:
                    queue.append(index)
                    continue
                self._wait(doubt)
                doubt.state = "asked"
                images.append(doubt.image)
                if len(images) == most:
                    return tuple(images)
            if not queue:
                del self._queues[voter]
        return tuple(images)

    def helpful(self, machine: int, index: int) -> bool:
        """To try this image there tells something new, or no other machine can."""
        doubt = self._doubts.get(index)
        return doubt is None or machine not in doubt.votes or not self._others(doubt)

    def died(self, machine: int, index: int) -> None:
        """This image killed a worker of a machine, alone."""
        if index in self._doubts:
            self._doubts[index].deadly.add(machine)

    def returned(self, images: tuple[ImageRef, ...]) -> tuple[ImageRef, ...]:
        """These came back untouched: ask about those in doubt again; the others."""
        doubted = [image.index for image in images if image.index in self._doubts]
        for index in doubted:
            self._wait(self._doubts[index])
            self._settle(index)
        return tuple(image for image in images if image.index not in doubted)

    def end(self) -> None:
        """Nothing else is left to do: ask whoever was not asked, or take each at its word."""
        waiting = [doubt for doubt in self._doubts.values() if doubt.state == "waiting"]
        unasked = [doubt for doubt in waiting if self._others(doubt)]
        for doubt in unasked:
            self._queue(doubt)
        if not unasked:
            for machine in self._streaks:
                self._make_firm(machine)

    # ---- one image

    def _settle(self, index: int) -> None:
        doubt = self._doubts[index]
        votes = doubt.votes
        if doubt.state == "asked" or not self._streaks:  # an answer will come, or a machine
            return None
        for machine in doubt.firm:
            agreeing = [vote for vote in votes.values() if vote.failed == votes[machine].failed]
            if len(agreeing) > 1:
                return self._believe(agreeing[-1])
        if not self._others(doubt):
            if len(doubt.firm) == len(votes):
                self._believe(next(reversed(votes.values())))
        elif doubt.state == "waiting" and not self._will_agree(doubt):
            self._queue(doubt)
        return None

    def _others(self, doubt: Doubt) -> bool:
        """There is a machine that has not spoken of it, and can."""
        known = doubt.votes.keys() | doubt.deadly
        return any(machine not in known for machine in self._streaks)

    def _will_agree(self, doubt: Doubt) -> bool:
        """Two agree already, and only need to be firm, as they soon will be."""
        soon = [m for m in doubt.votes if m in doubt.firm or not self.paused(m)]
        kinds = [doubt.votes[machine].failed for machine in soon]
        return len(set(kinds)) < len(kinds)

    def _make_firm(self, machine: int) -> None:
        for index in self._streaks[machine].end():
            self._doubts[index].firm.add(machine)
            self._settle(index)

    def _queue(self, doubt: Doubt) -> None:
        doubt.state = "queued"
        self._queued += 1
        self._queues.setdefault(next(reversed(doubt.votes)), deque()).append(doubt.image.index)

    def _wait(self, doubt: Doubt) -> None:
        self._queued -= doubt.state == "queued"
        doubt.state = "waiting"
