"""What devices answer to four fixed pictures."""

import hashlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batchcls.model.infer import echo


class Answering:
    """A ring whose device answers the mean of each channel, changed by `faults` in order."""

    batch_size = 1

    def __init__(self, device: str, *faults: float) -> None:
        self.device = device
        self._faults = faults

    def ask(
        self, images: Sequence[NDArray[Any]], timeout_s: float
    ) -> list[NDArray[np.float32]] | None:
        answers = [image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32) for image in images]
        if len(self._faults) == 1:
            return [answer + np.float32(self._faults[0]) for answer in answers]
        for answer, fault in zip(answers, self._faults, strict=False):
            answer += np.float32(fault)
        return answers


class Silent(Answering):
    def ask(self, images: Sequence[NDArray[Any]], timeout_s: float) -> None:
        return None


def decoded(data: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_the_pictures_are_files_of_four_layouts_and_always_the_same() -> None:
    layouts = []
    for data in echo.pictures():
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert image is not None
        assert np.ptp(image) > 200, "it has something to see"
        layouts.append((image.shape[2:] or (1,), image.dtype.itemsize * 8))
    assert layouts == [((3,), 8), ((1,), 8), ((4,), 8), ((3,), 16)]
    total = hashlib.sha256(b"".join(echo.pictures())).hexdigest()
    assert total[:16] == "bc3852c0c85a673c", "an echo of another version could not be compared"


def test_one_bit_makes_another_echo() -> None:
    one = echo.listen([Answering("CPU")], decoded)
    again = echo.listen([Answering("CPU")], decoded)
    bit = echo.listen([Answering("CPU", 0.0, 0.0, 0.0, 1e-5, 0.0)], decoded)
    assert one == again
    assert len(one.echoes["CPU"]) == 16
    assert bit.echoes["CPU"] != one.echoes["CPU"]


def test_devices_that_differ_are_told() -> None:
    heard = echo.listen([Answering("CPU"), Answering("GPU", 0.5)], decoded)
    assert heard.echoes["CPU"] != heard.echoes["GPU"]
    (note,) = heard.notes
    assert note.startswith("CPU and GPU round differently")


def test_a_device_that_changes_its_mind_has_no_echo_and_is_told() -> None:
    heard = echo.listen([Answering("CPU", 0.0, 0.0, 0.0, 0.0, 0.25)], decoded)
    assert heard.echoes == {}
    assert "CPU gave two answers to one picture, by up to 0.25 apart" in heard.notes[0]


def test_a_device_that_does_not_answer_has_no_echo() -> None:
    assert echo.listen([Silent("NPU")], decoded) == echo.Heard()


def test_a_device_string_that_shares_images_among_devices_has_no_echo() -> None:
    heard = echo.listen(
        [Answering("MULTI:GPU,CPU"), Answering("CPU")], decoded, lambda device: "," in device
    )
    assert list(heard.echoes) == ["CPU"]
    assert "MULTI:GPU,CPU gives each image to a device that is free" in heard.notes[0]
