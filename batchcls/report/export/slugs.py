"""Makes folder names of labels: such that every system takes them, and no two labels share one."""

import hashlib
import unicodedata

MOST_BYTES = 100
"""Of a label in a folder's name; systems take 255 at most, encrypted ones about 140."""

_FORBIDDEN = frozenset('/\\:*?"<>|')
_RESERVED = frozenset({
    "con", "prn", "aux", "nul", "conin$", "conout$", "clock$",
    *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
})  # fmt: skip
"""Names that Windows takes for devices, whatever stands behind a dot."""


class Slugs:
    """The folder of each label. The same labels in the same order have the same folders.

    Args:
        taken: folders that are no label's.
    """

    def __init__(self, *taken: str) -> None:
        self._of: dict[str, str] = {}
        self._taken = {_folded(name) for name in taken}

    def __getitem__(self, label: str) -> str:
        if label not in self._of:
            self._of[label] = self._free(label)
        return self._of[label]

    def _free(self, label: str) -> str:
        """The label itself where that is a good name and free, else with its hash behind it."""
        plain = _plain(label)
        name, digits = plain, 6
        while name == plain != label or _folded(name) in self._taken:
            digest = hashlib.sha256(label.encode(errors="surrogatepass")).hexdigest()
            name, digits = f"{plain}~{digest[:digits]}", digits + 6
        self._taken.add(_folded(name))
        return name


def _plain(label: str) -> str:
    """A name that every system takes and that nobody hides; not always the label any more."""
    text = unicodedata.normalize("NFC", label)
    text = "".join(c if c.isprintable() and c not in _FORBIDDEN else "_" for c in text)
    text = text.encode(errors="replace")[:MOST_BYTES].decode(errors="ignore")
    text = text.strip(" ").rstrip(". ")
    if not text or text[0] in ".~-":
        text = "_" + text[1:]
    return "_" + text if text.split(".")[0].rstrip().lower() in _RESERVED else text


def _folded(name: str) -> str:
    """What two names share that are one on a system which ignores case or composes letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
