"""One worker process: leases in, records out, over one socket. Owns nothing that is shared.

It is expendable: it may be killed at any instruction. It leaves when told to, when the other
end of its socket closes, and when its parent dies.
"""

# ruff: noqa: E402 - garbage is looked for once the model is loaded: so far there is none, and to
# look takes 15 ms of each start
import gc

gc.disable()
gc.set_threshold(50_000)

import faulthandler
import os
import socket
import sys

from batchcls.errors import BatchclsError
from batchcls.wire import protocol
from batchcls.wire.start import StartMessage
from batchcls.worker.mailbox import Inbox, Outbox
from batchcls.worker.sandbox import bound_memory, confine
from batchcls.worker.serving import Open, open_pipeline, serve
from batchcls.worker.stage_board import Board


def main(open_pipeline: Open = open_pipeline, open_outbox: type[Outbox] = Outbox) -> None:
    """Entry point of the process: descriptors and the parent's number on the command line.

    Args:
        open_pipeline: loads the model; the tests load a fake one.
        open_outbox: sends; some of the tests' workers send what they must not.
    """
    from batchcls.decode.limits import apply as apply_decoder_limits

    faulthandler.enable()
    apply_decoder_limits()
    descriptor, board_descriptor, parent = map(int, sys.argv[1:4])
    confine(parent)
    connection = socket.socket(fileno=descriptor)
    board = Board(board_descriptor)
    inbox, outbox = Inbox(connection), open_outbox(connection)
    start = StartMessage.from_json(inbox.first())
    try:
        classifier, pipeline = open_pipeline(start, board)
        bound_memory(start.job.worker_memory)
    except BatchclsError as error:
        outbox.send(protocol.encode("refused", error=type(error).__name__, message=str(error)))
        os._exit(2)
    gc.enable()
    outbox.send(protocol.encode("ready", description=classifier.description))
    try:
        serve(inbox, outbox, pipeline, board)
    except BatchclsError as error:  # rows of features cannot be written: no image is to blame
        outbox.send(protocol.encode("refused", error=type(error).__name__, message=str(error)))
        os._exit(2)
    if start.job.perf_counts:
        rows = [row.as_dict() for row in classifier.perf_counts()]
        outbox.send(protocol.encode("counters", rows=rows))
    classifier.settle()
    connection.shutdown(socket.SHUT_RDWR)
    # Native runtimes tear down slowly, and may hang doing so; everything is sent.
    os._exit(0)


if __name__ == "__main__":
    main()
