"""OpenCV's own limits, a second fence behind ours: read once, when cv2 is first imported."""

import os
import sys

from batchcls.decode.policy import MAX_SIDE, DecodePolicy


def apply(policy: DecodePolicy | None = None) -> None:
    """Set OpenCV's limits for this process; a worker calls it before anything imports cv2.

    The logging of codecs is silenced too, unless the environment says otherwise: what is wrong
    with an image goes into its record.

    Raises:
        RuntimeError: cv2 is already imported, so the limits would be without effect.
    """
    if "cv2" in sys.modules:
        raise RuntimeError("cv2 was imported before its limits were set")
    policy = policy or DecodePolicy()
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(policy.max_pixels)
    os.environ["OPENCV_IO_MAX_IMAGE_WIDTH"] = str(MAX_SIDE)
    os.environ["OPENCV_IO_MAX_IMAGE_HEIGHT"] = str(MAX_SIDE)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
