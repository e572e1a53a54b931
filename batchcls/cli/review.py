"""``batchcls review``: a page of this machine on which a person corrects the answers."""

import contextlib
import sys
from typing import Annotated

import typer

from batchcls.cli.arguments import Debug, Results
from batchcls.cli.report import Images
from batchcls.cli.terminal import print_note, print_result
from batchcls.display.text import counted
from batchcls.job.job import DEFAULT_OUTPUT

MAKERS = 2
"""Processes that make pictures."""

Port = Annotated[int, typer.Option(metavar="N", help="Port to listen on. [any that is free]")]


def review(
    results: Results = DEFAULT_OUTPUT,
    images: Images = None,
    port: Port = 0,
    debug: Debug = False,
) -> int:
    """Look through the answers in a browser and correct them.

    Corrections are kept beside the results, which stay as they are. Only this machine, and who
    has the address that is printed, can see the page.
    """
    from batchcls.backends.thumbnails import ThumbnailProcess
    from batchcls.display.screens.reading_bar import reading_bar
    from batchcls.report import corrections
    from batchcls.report.facts import facts_of
    from batchcls.report.page.review import review_page
    from batchcls.report.pictures import Whereabouts
    from batchcls.report.review.desk import Desk
    from batchcls.report.review.kept import Kept, identity
    from batchcls.report.review.overview import Overview
    from batchcls.report.review.server import listen
    from batchcls.report.rows import Results as ResultsFile
    from batchcls.report.rows import require_same_images

    found = ResultsFile.find(results)
    with contextlib.ExitStack() as stack:
        kept = Kept(corrections.beside(found.path), identity(found.path))
        stack.callback(kept.close)
        with reading_bar(sys.stderr, str(found.path), found.size) as passed:
            overview = Overview.of(found, passed)
        require_same_images(corrections.read(kept.path), overview.record, kept.path)
        makers = [
            stack.enter_context(contextlib.closing(ThumbnailProcess())) for _ in range(MAKERS)
        ]
        desk = Desk(overview, kept, Whereabouts.of(found.path, images), makers)
        page = review_page(desk.about(facts_of(found.path).title))
        server = stack.enter_context(listen(port, desk, page))
        print_result(f"open {server.address}")
        print_note("Ctrl-C ends the review")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
        print_note(f"{counted(len(kept.said), 'image', 'images')} judged, in {kept.path}")
    return 0
