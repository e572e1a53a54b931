"""The worker process: its mailbox, its pipeline, its sandbox. Expendable at any instruction.

What a worker changes in its process, once for all, in this order:

========================  ==========================================================================
`backends.environment`    ``OPENBLAS_NUM_THREADS``, before it starts
`launch`                  this very batchcls, wherever it lies, and the path as Python makes it
`worker.__main__`         faulthandler prints every thread's stack to the log when it crashes
`decode.limits`           OpenCV's limits on images and its log level, in ``os.environ``
`worker.sandbox`          SIGINT, SIGTERM and SIGHUP ignored; no core files; killed with its parent;
                          no new privileges; the first to go when memory runs out
`decode.opencv`           one thread of OpenCV's own
`model.runtime`           OpenVINO's converter and telemetry out of ``sys.modules``
`model.compiled_files`    files of compiled models stay mapped until the end
`worker.serving`          memory that loading needed goes back to the system (``malloc_trim``); what
                          is loaded is no garbage collector's business (``gc.freeze``)
`decode.memory`           how much freed memory glibc keeps (``mallopt``), then and once more where
                          large pictures are many
`worker.sandbox`          with ``--worker-memory``: a limit on addresses, once the model is loaded
`worker.__main__`         ends by ``os._exit``: native runtimes tear down slowly, or not at all
========================  ==========================================================================
"""
