"""Decides which image killed a worker: suspects tried alone, the canary, convictions held back.

Rules of this file:

1. A death in company blames nobody; it makes suspects, and a suspect is tried alone.
2. `solo_deaths` deaths alone make a culprit. While nothing else succeeds, the verdict waits for the
   canary, a known good image given to a fresh worker: if it lives, the culprit is convicted.
3. Convictions before the first success of the run are doubtful. They are held back until an image
   succeeds (or nothing else is left to try), so that a wrong job leaves no wrong lines.
"""

from collections import deque
from collections.abc import Callable, Iterable

from batchcls.images import Failure, ImageRef
from batchcls.messages import CANARY, Answer, WorkerDied


class SuspectTrials:
    """Images under suspicion, from first death to verdict.

    Args:
        convict: makes the line of an image that kills its workers.
        solo_deaths: deaths alone that make a culprit.
        tolerant: convictions are never held back.
    """

    def __init__(
        self, convict: Callable[[ImageRef, Failure], Answer], solo_deaths: int, tolerant: bool
    ) -> None:
        self._convict_line = convict
        self._solo_deaths = solo_deaths
        self._suspects: deque[ImageRef] = deque()
        self._deaths_alone: dict[int, int] = {}
        self._accused: list[tuple[ImageRef, WorkerDied]] = []
        self._canary_out = False
        self._doubtful: list[Answer] = []
        self._believed = tolerant
        self._proven = False  # an image succeeded since the last verdict

    @property
    def open(self) -> bool:
        """Some image still waits to be tried, or for the canary."""
        return bool(self._suspects or self._accused)

    @property
    def remembered(self) -> int:
        """How many images are known to have killed a worker alone, without a verdict yet."""
        return len(self._deaths_alone)

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

    def suspect(self, images: Iterable[ImageRef]) -> None:
        """These were in a worker's hands when it died in company: try each alone."""
        self._suspects.extend(images)

    def next_alone(self) -> ImageRef | None:
        """The next image to hand to an empty worker: the canary when a verdict waits for it."""
        if self._accused and not self._canary_out:
            self._canary_out = True
            return CANARY
        return self._suspects.popleft() if self._suspects else None

    def succeeded(self) -> list[Answer]:
        """A real image succeeded: the convictions held back were the images' own fault."""
        self._believed = self._proven = True
        return self.release()

    def acquitted(self, index: int) -> None:
        """This image was answered after all."""
        self._deaths_alone.pop(index, None)

    def died_alone(self, image: ImageRef, event: WorkerDied) -> list[Answer]:
        """A worker died with nothing but this image in its hands; the verdicts ready now."""
        deaths = self._deaths_alone.get(image.index, 0) + 1
        self._deaths_alone[image.index] = deaths
        if deaths < self._solo_deaths:
            self._suspects.appendleft(image)
            return []
        if not self._proven:
            self._accused.append((image, event))
            return []
        return self._convict([(image, event)])

    def canary_lived(self) -> list[Answer]:
        """Model and device work: those accused are culprits."""
        self._canary_out = False
        accused, self._accused = self._accused, []
        return self._convict(accused)

    def canary_lost(self) -> None:
        """The worker died before it looked at the canary: it must be sent again."""
        self._canary_out = False

    def release(self) -> list[Answer]:
        """Let go of the convictions held back."""
        released, self._doubtful = self._doubtful, []
        return released

    def _convict(self, culprits: Iterable[tuple[ImageRef, WorkerDied]]) -> list[Answer]:
        verdicts = []
        for image, event in culprits:
            self._deaths_alone.pop(image.index, None)
            verdicts.append(self._convict_line(image, _failure(event)))
        self._proven = False
        if self._believed:
            return verdicts
        self._doubtful += verdicts
        return []


def _failure(event: WorkerDied) -> Failure:
    """What the record says: nothing that differs from run to run, such as numbers of workers."""
    where = f" during {event.stage}" if event.stage else ""
    if event.timeout:
        return Failure("timeout", f"hangs the worker, tried alone{where}")
    return Failure("worker_crash", f"kills the worker, tried alone{where}: {event.cause}")
