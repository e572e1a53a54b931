"""Takes some of a run's images to try its model and its devices on, before the first line."""

from batchcls.images import Folder, ImageRef
from batchcls.job.job import Job
from batchcls.results.disk_errors import guard
from batchcls.running import moved
from batchcls.running.plan import GoOn, NewGeneration, goes_on_from
from batchcls.running.resume import Output
from batchcls.sources.inputs import InputsList
from batchcls.sources.sample import spread_over

SHARE = 10
"""At most a tenth of the images: what is tried must not cost more than it is worth."""


def some_images(
    job: Job,
    output: Output,
    decided: GoOn | NewGeneration,
    listed: InputsList,
    most: int,
    share: int = SHARE,
) -> list[ImageRef]:
    """Images spread over the list, in its order.

    Args:
        output: of the run; the list of a generation that has not begun yet lies aside.
        share: what part of the list they are at most; 1 = all of it.
    """
    before, paths = goes_on_from(decided), output.paths
    elsewhere = None if before is None else moved.find(before, job)[0]
    folder = Folder(listed.root) if elsewhere is None else elsewhere.place
    staged = output.storage.stat(paths.next_inputs) is not None
    path = paths.next_inputs if staged else paths.inputs
    with guard(path):
        return spread_over(path, folder, listed, min(most, max(1, listed.count // share)))
