"""What is said, and kept, of formats whose decoder is not installed with batchcls."""

import subprocess
import sys

import pytest

from batchcls.decode import decode, decoders, heic, opencv
from batchcls.decode.decoders import Decoder
from batchcls.errors import ImageError
from tests.support.golden_files import GOLDENS
from tests.support.heif_files import heif, picture

HERE = Decoder("HEIC", "numpy", "numpy>=1.0", (b".heic",))
OLD = Decoder("HEIC", "numpy", "numpy>=999.0", (b".heic",))
AWAY = Decoder("HEIC", "no-such-package", "no-such-package>=1.8", (b".heic",))
HEIC = heif("heic", [picture("heic", 64, 64)])


@pytest.mark.parametrize("decoder", [AWAY, OLD])
def test_heic_without_its_decoder_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, decoder: Decoder
) -> None:
    monkeypatch.setattr(decoders, "HEIC", decoder)
    heic.library.cache_clear()
    try:
        with pytest.raises(ImageError) as caught:
            decode.decode(HEIC)
    finally:
        heic.library.cache_clear()
    assert caught.value.kind == "no_decoder"
    assert caught.value.message == (
        f"HEIC needs {decoder.package}: pip install '{decoder.install}'"
    )


def test_avif_without_a_decoder_in_opencv_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "has_avif", lambda: False)
    with pytest.raises(ImageError, match="AVIF needs a build of OpenCV") as caught:
        decode.decode(GOLDENS["avif gray"].data)
    assert caught.value.kind == "no_decoder"


def test_this_build_of_opencv_has_avif() -> None:
    assert opencv.has_avif()


@pytest.mark.parametrize(
    ("decoder", "count", "words"),
    [
        (AWAY, 4212, "4,212 HEIC images were not read: pip install 'no-such-package>=1.8'"),
        (OLD, 1, "1 HEIC image was not read: pip install 'numpy>=999.0'"),
        (HERE, 2, "2 AVIF images were not read: pip install 'opencv-python>=4.13'"),
    ],
)
def test_the_cure_is_a_line_to_copy(
    monkeypatch: pytest.MonkeyPatch, decoder: Decoder, count: int, words: str
) -> None:
    monkeypatch.setattr(decoders, "OPTIONAL", (decoder,))
    assert decoders.cure(count) == f"{words}, then the same command with --retry-failed"


def test_a_list_without_such_names_has_no_decoder_in_its_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoders, "OPTIONAL", (HERE,))
    assert decoders.facts({}) == {}
    assert decoders.facts({".heic": 3})["decoder of HEIC"].startswith("numpy ")
    monkeypatch.setattr(decoders, "OPTIONAL", (AWAY,))
    assert decoders.facts({".heic": 3}) == {"decoder of HEIC": "none"}


@pytest.mark.runs
def test_decoders_are_not_imported_before_a_picture_asks_for_them() -> None:
    program = """
import sys
from batchcls.decode.decode import decode
from tests.support.golden_files import PLAIN
decode(PLAIN["jpeg"].data)
assert not {"pillow_heif", "PIL"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
