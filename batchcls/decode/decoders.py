"""Which decoder reads a format that the installed libraries may lack, and what to install for it.

What a coordinator may ask: the decoders themselves are imported in workers alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from batchcls.errors import ImageError
from batchcls.sources.inputs import HEIC_ENDINGS
from batchcls.version import HEIF, OPENCV, RAWPY

NONE = "none"
"""In place of a version, where the decoder is not installed."""
KEY = "decoder of "
"""How the keys of `facts` begin."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """What reads a format.

    Attributes:
        format: as people call it.
        package: that has the decoder.
        install: what pip is given, with the oldest version that is let near a file.
        endings: how the names of such files end, though their content decides.
    """

    format: str
    package: str
    install: str
    endings: tuple[bytes, ...] = ()

    @property
    def version(self) -> str:
        """The installed version; `NONE` where there is none, or one that is too old."""
        from importlib.metadata import PackageNotFoundError, version  # 8 ms, and seldom needed

        try:
            found = version(self.package)
        except PackageNotFoundError:
            return NONE
        return found if _numbers(found) >= _numbers(self.install) else NONE

    def missing(self) -> ImageError:
        """The failure of an image that needs it."""
        return ImageError(
            "no_decoder", f"{self.format} needs {self.package}: pip install '{self.install}'"
        )


HEIC = Decoder("HEIC", "pillow-heif", HEIF, HEIC_ENDINGS)
AVIF = Decoder("AVIF", "a build of OpenCV that reads it", OPENCV)
"""The wheels for Linux are such builds; what a distribution builds may not be one."""
RAW = Decoder("camera RAW", "rawpy", RAWPY)
OPTIONAL = (HEIC, RAW)
"""Those that are not installed with batchcls."""


def installed() -> dict[str, str]:
    """Versions of the decoders that are installed beside batchcls, by package."""
    found = {one.package: one.version for one in OPTIONAL}
    return {package: version for package, version in found.items() if version != NONE}


def facts(named: Mapping[str, int], *, raw: bool = False) -> dict[str, str]:
    """What decodes the images of a list, for its fingerprint.

    Args:
        named: how many names have which ending; see `InputsList`.
        raw: cameras' raw files are among them.
    """
    return {
        f"{KEY}{one.format}": NONE if one.version == NONE else f"{one.package} {one.version}"
        for one in OPTIONAL
        if any(named.get(ending.decode()) for ending in one.endings) or (raw and one is RAW)
    }


def cure(count: int, *, raw: bool = False) -> str:
    """What to do about so many images of the kind `no_decoder`, in a sentence.

    Args:
        raw: cameras' raw files may be among them.
    """
    lacking = [one for one in OPTIONAL if one.version == NONE and (raw or one is not RAW)]
    lacking = lacking or [AVIF]
    formats = " or ".join(one.format for one in lacking)
    packages = " ".join(f"'{one.install}'" for one in lacking)
    images = f"{count:,} {formats} images were" if count > 1 else f"1 {formats} image was"
    return f"{images} not read: pip install {packages}, then the same command with --retry-failed"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
