"""What each kind of failure means, and what cures it, in a sentence each. Pure."""

from collections.abc import Mapping

from batchcls.images import FailureKind

RETRY = "the same command with `--retry-failed`"

CURES: Mapping[FailureKind, tuple[str, str]] = {
    "vanished": ("gone when it was read", f"put the files back, then {RETRY}"),
    "denied": ("may not be read", f"give yourself permission (`chmod`), then {RETRY}"),
    "io_error": ("the storage failed, four times", f"check the storage, then {RETRY}"),
    "not_regular": ("a pipe, socket, device or folder", "leave it out with `--exclude`"),
    "changed": ("changed while it was read", f"wait until nothing writes there, then {RETRY}"),
    "empty": ("no bytes", f"copy the files again, then {RETRY}"),
    "not_image": ("none of the formats that are read", "convert them, or use `--exclude`"),
    "truncated": ("ends before its picture does", f"copy the files again, then {RETRY}"),
    "corrupt": ("contradicts its format", f"restore the files from a copy, then {RETRY}"),
    "too_large": ("more pixels or bytes than the limit", "make them smaller"),
    "bad_output": ("the model answered NaN or infinity", "`--infer-precision f32`"),
    "infer": ("the device refused it", f"check the device, then {RETRY}"),
    "out_of_memory": ("needs more memory than there is", f"a larger `--worker-memory`; {RETRY}"),
    "worker_crash": ("crashes its worker, twice, alone", "keep the image for a bug report"),
    "timeout": ("hangs its worker", f"a larger `--timeout`, then {RETRY}"),
    "no_decoder": ("its decoder is not installed", f"install it, then {RETRY}"),
}
"""What happened to the image, and what to do about it."""
