"""What can go wrong, by who must act.

::

    BatchclsError                 the base: a message for the person at the terminal, an exit code
    ├ UsageError                  the command, a job file or an option is wrong            exit 2
    ├ SourceError                 a source cannot be listed, or holds no images            exit 2
    ├ ModelError                  a model cannot be read, understood or compiled           exit 2
    ├ UndecidedError              a model's preprocessing is a guess that images can decide
    ├ DeviceError                 a device does not work on this machine                   exit 2
    ├ LabelsError                 labels that do not match the model                       exit 2
    ├ SetupError                  a library that batchcls needs cannot be loaded           exit 2
    ├ RefusedError                the output is of another run, locked, or damaged         exit 2
    ├ StoppedError                stopped early, resumable: disk full, every device lost   exit 4
    │ └ DistrustedError           a device has begun to answer wrongly                     exit 4
    └ InterruptedByUser           stopped by a signal after a drain, resumable          exit 128 + n

    ImageError                    one image is unusable: becomes that image's line, never leaves
                                  the worker, and is no BatchclsError on purpose

Every message names the thing and says what to do; `--debug` adds the traceback.
"""

from batchcls.images import FailureKind


class BatchclsError(Exception):
    """Base of everything that ends a run with a message instead of a traceback."""

    exit_code = 1


class UsageError(BatchclsError):
    """The command line, a job file or an option makes no sense."""

    exit_code = 2


class SourceError(BatchclsError):
    """A source cannot be listed or holds no images."""

    exit_code = 2


class ModelError(BatchclsError):
    """A model cannot be read, is not an image classifier, or cannot be compiled."""

    exit_code = 2


class UndecidedError(ModelError):
    """A model's preprocessing is a guess that the run's images have yet to decide."""


class DeviceError(BatchclsError):
    """A device string that does not work on this machine."""

    exit_code = 2


class LabelsError(BatchclsError):
    """A labels file that cannot be read or does not match the model."""

    exit_code = 2


class SetupError(BatchclsError):
    """A library that batchcls needs cannot be loaded on this machine."""

    exit_code = 2


class RefusedError(BatchclsError):
    """The output belongs to another run, is in use, or is damaged."""

    exit_code = 2


class StoppedError(BatchclsError):
    """The run stopped early; what is written is right, and the same command resumes."""

    exit_code = 4


class DistrustedError(StoppedError):
    """A device has begun to label otherwise than the CPU; its last lines were taken back."""


class InterruptedByUser(BatchclsError):  # noqa: N818 - an event, not an error
    """A signal asked the run to stop; it drained, and the same command resumes."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def raised_elsewhere(name: str, message: str) -> BatchclsError:
    """What another process raised, by the name of its class; a plain error where there is none."""
    kind = globals().get(name)
    if not isinstance(kind, type) or not issubclass(kind, BatchclsError):
        return BatchclsError(message)
    return kind(message) if kind is not InterruptedByUser else BatchclsError(message)


class ImageError(Exception):
    """One image cannot be answered; raised by reading, decoding or inferring it.

    Args:
        kind: one of `batchcls.images.FailureKind`.
        message: for the record; short, without the path.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
