"""What taggers of the WD14 family go by: a table of tags, `selected_tags.csv`, and a convention.

The table says nothing of images, and timm's `config.json` beside it is that of the weights the ONNX
file was made from. The ONNX file itself takes what its author's own program gives it: the picture
on a white square, resized by Pillow's bicubic filter, BGR, 0 to 255, channels last.
Source: `app.py` of SmilingWolf's wd-tagger, and dghs-imgutils.
"""

from pathlib import Path

from batchcls.model.files import beside
from batchcls.model.preprocess.settings import Settings

FILE = "selected_tags.csv"
COLUMNS = "tag_id,name,category"
THRESHOLD = 0.35
"""Of the author's program, for general tags."""


CHANNELS_FIRST = (
    f"{FILE} is that of a tagger. Those of the WD14 family whose channels come first take BGR on a "
    "white square; if this is one, add `--no-reverse-input-channels --resize-type pad_to_square "
    "--pad-value 255 --interpolation pillow_bicubic`"
)
"""Exports of timm's weights; other families have such a table, too, and take RGB."""


def settings(model: Path, *, channels_last: bool) -> Settings:
    """What the family's models expect; silent where there is no such table beside the model.

    Args:
        model: the model's file.
        channels_last: of its input.
    """
    path = beside.find(model, FILE)
    if path is None or not _has_the_columns(path):
        return Settings()
    if not channels_last:
        return Settings(multilabel=True, threshold=THRESHOLD, doubts=(CHANNELS_FIRST,))
    return Settings(
        resize_type="pad_to_square",
        pad_value=(255,),
        interpolation="pillow_bicubic",
        reverse_input_channels=False,
        mean_values=(),
        scale_values=(),
        multilabel=True,
        threshold=THRESHOLD,
    )


def _has_the_columns(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(len(COLUMNS) + 3)
    except OSError:
        return False
    return head.removeprefix(b"\xef\xbb\xbf").startswith(COLUMNS.encode())
