"""How far a file has been read: a bar on the terminal that goes away; nothing on anything else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from batchcls.display.screens.stream import QuietStream


@contextmanager
def reading_bar(stream: TextIO | None, name: str, size: int) -> Iterator[Callable[[int], object]]:
    """A bar while the block runs.

    Args:
        stream: where to draw; None: nowhere.
        name: what is read.
        size: of it, bytes.

    Yields:
        To be called with the number of bytes read since the last call.
    """
    quiet = QuietStream(stream) if stream is not None else None
    if quiet is None or not quiet.isatty() or quiet.in_background:
        yield lambda _: None
        return
    from batchcls.display.screens.bar import Bar  # tqdm: only where a bar is drawn
    from batchcls.display.text import fit

    bar = Bar(
        total=size,
        desc=fit(name, 24, keep="end"),
        unit="B",
        unit_scale=True,
        file=quiet,
        dynamic_ncols=True,
        ascii=not quiet.encoding.lower().startswith("utf"),
        leave=False,
    )
    try:
        yield bar.update
    finally:
        bar.close()
