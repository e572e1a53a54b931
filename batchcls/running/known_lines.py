"""Says what the lines of a run must be, by its manifest and its list of images."""

import contextlib
from collections.abc import Iterator

from batchcls.results.expected_line import ExpectedLine
from batchcls.results.manifest import Manifest
from batchcls.results.recovery import Fits, any_record
from batchcls.results.rundir import RunPaths
from batchcls.sources.inputs import InputsReader


def fits_of(manifest: Manifest, reader: InputsReader) -> Fits:
    """Whether a line can be that of the image that the list has at its place.

    Args:
        manifest: of the run; those of batchcls 0.1.0 hold too little to say.
        reader: of its list, which is read on from wherever it is.
    """
    labels = manifest.settings.get("labels")
    if labels is None:
        return any_record
    expected = ExpectedLine.of(manifest.fingerprint, labels)

    def fits(line: bytes, index: int) -> bool:
        if reader.next_index != index:
            reader.seek(index)
        return all(expected.fits(line, image) for image in reader.chunk(1))

    return fits


@contextlib.contextmanager
def known_lines(paths: RunPaths, manifest: Manifest) -> Iterator[Fits]:
    """The same for a run whose list may be gone; then nothing more is known of its lines."""
    if not paths.inputs.is_file():
        yield any_record
        return
    with contextlib.closing(InputsReader(paths.inputs, manifest.root)) as reader:
        yield fits_of(manifest, reader)
