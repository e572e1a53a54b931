import subprocess
import sys

import cv2
import numpy as np

from batchcls.model.builtin.canary import SIDE, canary_image


def test_canary_decodes_to_a_picture_with_light_dark_and_colour() -> None:
    image = cv2.imdecode(np.frombuffer(canary_image(), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (SIDE, SIDE, 3)
    assert image[0, 0].tolist() == [160, 40, 40]
    assert image[0, SIDE - 1].tolist() == [160, 40, 40 + 3 * (SIDE - 1)]
    assert image.std() > 40


def test_canary_is_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys; from batchcls.model.builtin.canary import canary_image;"
        "sys.stdout.buffer.write(canary_image())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=30
    )
    assert other.stdout == canary_image()


def test_canary_needs_neither_opencv_nor_numpy() -> None:
    code = (
        "import sys; from batchcls.model.builtin.canary import canary_image; canary_image();"
        "print(sorted({'cv2', 'numpy', 'openvino'} & set(sys.modules)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=30
    )
    assert other.stdout.strip() == b"[]"
