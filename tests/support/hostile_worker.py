"""A worker that a hostile image has taken over: once, it sends what no worker would."""

import os
import pickle
import struct
import sys
import time

from batchcls.wire import protocol
from batchcls.wire.frames import frame
from batchcls.worker.__main__ import main
from batchcls.worker.mailbox import Outbox
from batchcls.worker.pipeline import Pipeline
from tests.support import faulty_worker


class HostileOutbox(Outbox):
    """Honest but for its first report."""

    def report(self, pipeline: Pipeline) -> None:
        mark = f"{os.environ['FAULT_MARKS']}/hostile"
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            super().report(pipeline)
            return
        done = self._waiting[0]
        honest = protocol.encode_answers(done.lease, [done.answer], None)
        how = os.environ["HOSTILE"]
        self._connection.sendall(
            {
                "random": os.urandom(100_000),
                "giant": struct.pack("<I", 0xFFFFFFF0) + b"x" * 1000,
                "foreign": frame(protocol.encode_answers(9999, [done.answer], None)),
                "nan": frame(honest.replace(b"0.500000", b"NaN")),
                "pickle": frame(pickle.dumps({"t": "lines"})),
                "twice": frame(honest) + frame(honest),
                "half": frame(honest)[:20],
                "silent": b"",
                "wordy": frame(b'{"t":"ready","description":{"x":[%s0]}}' % (b"1e15," * 500_000)),
            }[how]
        )
        time.sleep(60)


if __name__ == "__main__":
    sys.argv[0] = "hostile_worker"
    main(faulty_worker.open_pipeline, HostileOutbox)
